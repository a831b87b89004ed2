import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type SettingValue, settings } from "~/api/settings";
import { Card } from "~/parts/Card";
import { CopyButton } from "~/parts/CopyButton";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { SearchField } from "~/parts/SearchField";
import { Trouble } from "~/parts/Trouble";

/** Every setting that the server runs with, and where it comes from. */
export function SettingTable() {
  const found = useQuery(settings());
  const [text, setText] = useState("");
  const [isChangedOnly, setChangedOnly] = useState(false);
  const word = text.trim().toLowerCase();
  const items = (found.data?.items ?? []).filter(
    (one) =>
      (!isChangedOnly || one.source !== "default") &&
      (one.name.includes(word) || one.variable.toLowerCase().includes(word)),
  );
  return (
    <Card title="Settings of the server" flush>
      {found.error && !found.data ? (
        <div className="card-body">
          <Trouble error={found.error} retry={() => found.refetch()} />
        </div>
      ) : null}
      {found.isPending ? <Loading lines={8} /> : null}
      {found.data ? (
        <>
          <div className="settings-tools" role="search" aria-label="Settings">
            <SearchField name="Part of a setting's name" value={text} change={setText} />
            <label className="ask-check">
              <input
                type="checkbox"
                checked={isChangedOnly}
                onChange={({ target }) => setChangedOnly(target.checked)}
              />
              Only those that were set
            </label>
          </div>
          {items.length > 0 ? <Values items={items} /> : <Empty title="No setting fits" />}
        </>
      ) : null}
    </Card>
  );
}

function Values({ items }: { items: readonly SettingValue[] }) {
  return (
    <div className="settings-scroll" tabIndex={0} role="group" aria-label="Settings">
      <table className="table settings-table">
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
            <th scope="col">
              <span className="hidden-text">Variable</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.name} className={one.source === "default" ? "" : "is-set"}>
              <td className="mono">{one.name}</td>
              <td className="mono settings-value">{valueText(one.value)}</td>
              <td className="muted">{sourceText(one.source)}</td>
              <td className="right">
                <CopyButton text={one.variable} name={`Copy the variable of ${one.name}`} bare />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function valueText(value: SettingValue["value"]): string {
  if (value === null || value === "") return "–";
  return Array.isArray(value) ? value.join(", ") || "–" : String(value);
}

function sourceText(source: string): string {
  return source === "start" ? "the command that started it" : source;
}
