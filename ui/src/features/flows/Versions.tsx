import type { Kind, VersionShown } from "~/api/definitions";
import { Card } from "~/parts/Card";

/** The versions of a flow or task, the newest first. */
export function Versions({ kind, versions }: { kind: Kind; versions: readonly VersionShown[] }) {
  return (
    <Card title="Versions" flush more={<span className="muted num">{versions.length}</span>}>
      <div className="definition-versions" tabIndex={0} role="group" aria-label="Versions">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">{kind === "flow" ? "Entry point" : "Key"}</th>
              <th scope="col" className="right">
                Retries
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((one, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: versions differ in what is not shown
              <tr key={place}>
                <td className="mono">{one.version ?? <span className="muted">none</span>}</td>
                <td className="mono">
                  {(kind === "flow" ? one.entrypoint : one.key) ?? <span className="muted">–</span>}
                </td>
                <td className="right num">{one.retries}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
