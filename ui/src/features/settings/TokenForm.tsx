import { onlineManager, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { createToken, logIn, type MadeToken, type Scope } from "~/api/tokens";
import { MAY } from "~/features/settings/may";
import { Ask, Field } from "~/parts/Ask";
import { CopyButton } from "~/parts/CopyButton";

const SCOPES: readonly Scope[] = ["read", "run", "admin"];
const DAY_MS = 86_400_000;
const ENDS: readonly { name: string; days: number }[] = [
  { name: "Never", days: 0 },
  { name: "In 7 days", days: 7 },
  { name: "In 30 days", days: 30 },
  { name: "In 90 days", days: 90 },
  { name: "In a year", days: 365 },
];

/** Makes a token, and tells its secret once. From the first one on everybody needs one. */
export function TokenForm({ isFirst, close }: { isFirst: boolean; close: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>(isFirst ? "admin" : "read");
  const [days, setDays] = useState(0);
  const act = useMutation({
    mutationFn: async () => {
      const expires = days > 0 ? new Date(Date.now() + days * DAY_MS).toISOString() : null;
      const wanted = { name: name.trim(), scope, expires };
      if (!isFirst) return createToken(wanted);
      // Whatever else the page asks until it is logged in would be refused, and lead away from here.
      onlineManager.setOnline(false);
      try {
        await queries.cancelQueries();
        const made = await createToken(wanted);
        await logIn(made.secret);
        return made;
      } finally {
        onlineManager.setOnline(true);
      }
    },
  });
  const done = () => {
    close();
    void queries.invalidateQueries();
  };
  if (act.data) return <Told made={act.data} close={done} />;
  return (
    <Ask title="New token" verb="Make it" isReady={name.trim() !== ""} act={act} close={close}>
      {isFirst ? (
        <p>
          From the first token on, everybody needs one who asks this server for anything. So it is
          for an admin, and this browser is logged in with it at once.
        </p>
      ) : null}
      <Field name="Name" note="Who or what it is for.">
        <input
          className="field"
          value={name}
          placeholder="grafana"
          maxLength={100}
          onChange={({ target }) => setName(target.value)}
        />
      </Field>
      <Field name="It may" note={MAY[scope]}>
        <select
          className="field"
          value={scope}
          disabled={isFirst}
          onChange={({ target }) => {
            const wanted = SCOPES.find((one) => one === target.value);
            if (wanted) setScope(wanted);
          }}
        >
          {SCOPES.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </Field>
      <Field name="It ends">
        <select
          className="field"
          value={days}
          onChange={({ target }) => setDays(Number(target.value))}
        >
          {ENDS.map((one) => (
            <option key={one.days} value={one.days}>
              {one.name}
            </option>
          ))}
        </select>
      </Field>
    </Ask>
  );
}

function Told({ made, close }: { made: MadeToken; close: () => void }) {
  return (
    <Ask
      title={`The token ${made.token.name}`}
      verb="I have it"
      no="Close"
      act={{ mutate: close, isPending: false, error: null }}
      close={close}
    >
      <p>Copy it now: it is shown this once and can not be asked for again.</p>
      <div className="secret">
        <code>{made.secret}</code>
        <CopyButton text={made.secret} name="Copy the token" bare />
      </div>
      <p>
        Programs send it with <code>FLOWSTONE_API_KEY</code>, browsers log in with it.
      </p>
    </Ask>
  );
}
