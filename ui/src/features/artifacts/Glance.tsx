import type { ArtifactItem } from "~/api/artifacts";
import { Progress } from "~/features/artifacts/Progress";
import { artifactTable } from "~/model/artifactTable";

/** What can be told of an artifact in a line, from the beginning of its data. */
export function Glance({ artifact: { type, data } }: { artifact: ArtifactItem }) {
  if (data === null) return <span className="muted">empty</span>;
  if (type === "progress") return <Progress data={data} />;
  return <span className="muted">{textOf(type, data)}</span>;
}

function textOf(type: string, data: string): string {
  if (type === "table") {
    const table = artifactTable(data);
    if (!table) return data.slice(0, 160);
    const rows = `${table.rows.length} ${table.rows.length === 1 ? "row" : "rows"}`;
    return table.columns.length > 0 ? `${rows}: ${table.columns.join(", ")}` : rows;
  }
  if (type !== "markdown") return data.slice(0, 160);
  const line = data.split("\n").find((one) => /\w/.test(one)) ?? "";
  return line.replace(/^[\s#>*-]+|\*\*|__|`/g, "").replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1");
}
