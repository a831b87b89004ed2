import { useMutation, useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { logOut, type Session, session, type Token, tokens } from "~/api/tokens";
import { MAY } from "~/features/settings/may";
import { RevokeToken } from "~/features/settings/RevokeToken";
import { TokenForm } from "~/features/settings/TokenForm";
import { Card } from "~/parts/Card";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

/** Who may use the server: its tokens, and by which of them this browser was let in. */
export function Tokens() {
  const found = useQuery(tokens());
  const who = useQuery(session());
  const [isAdding, setAdding] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  const items = found.data?.items ?? [];
  return (
    <Card
      title="Tokens"
      flush
      more={
        found.data ? (
          <button type="button" className="button button-small" onClick={() => setAdding(true)}>
            <Plus size={14} aria-hidden="true" />
            New token
          </button>
        ) : null
      }
    >
      {who.data ? <Who who={who.data} /> : null}
      {found.error && !found.data ? (
        <div className="card-body">
          <Trouble error={found.error} retry={() => found.refetch()} />
        </div>
      ) : null}
      {found.isPending ? <Loading lines={3} /> : null}
      {found.data && items.length === 0 ? (
        <Empty title="No tokens: whoever reaches this address may do everything">
          On this machine only, that is fine. For other machines make one here, or so:
          <pre>flowstone token create --scope admin --name me</pre>
        </Empty>
      ) : null}
      {items.length > 0 ? <TokenTable items={items} revoke={setRevoked} /> : null}
      {isAdding && who.data ? (
        <TokenForm isFirst={who.data.via === "open"} close={() => setAdding(false)} />
      ) : null}
      {revoked ? <RevokeToken token={revoked} close={() => setRevoked(null)} /> : null}
    </Card>
  );
}

function Who({ who }: { who: Session }) {
  const act = useMutation({
    mutationFn: logOut,
    onSuccess: () => window.location.assign("/login"),
  });
  if (who.via === "open") return null;
  return (
    <div className="who">
      <span>
        You are let in by the token <strong>{who.name}</strong>, which may{" "}
        {MAY[who.scope].toLowerCase()}
      </span>
      <button
        type="button"
        className="button button-small"
        disabled={act.isPending}
        onClick={() => act.mutate()}
      >
        Log out
      </button>
      {act.error ? <Trouble error={act.error} /> : null}
    </div>
  );
}

function TokenTable({
  items,
  revoke,
}: {
  items: readonly Token[];
  revoke: (token: Token) => void;
}) {
  return (
    <div className="settings-scroll" tabIndex={0} role="group" aria-label="Tokens">
      <table className="table tokens">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Scope</th>
            <th scope="col" className="wide-only">
              Made
            </th>
            <th scope="col">Last used</th>
            <th scope="col">Expires</th>
            <th scope="col">
              <span className="hidden-text">Revoke</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.id}>
              <td>
                <strong>{one.name}</strong>
              </td>
              <td>
                <span className="tag" title={MAY[one.scope]}>
                  {one.scope}
                </span>
              </td>
              <td className="muted wide-only">
                <Ago at={one.created} />
              </td>
              <td className="muted">{one.used ? <Ago at={one.used} /> : "never"}</td>
              <td className="muted">{one.expires ? <Ago at={one.expires} /> : "never"}</td>
              <td className="right">
                <button
                  type="button"
                  className="button button-small button-danger"
                  aria-label={`Revoke ${one.name}`}
                  onClick={() => revoke(one)}
                >
                  Revoke
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
