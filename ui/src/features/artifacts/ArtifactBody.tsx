import { lazy, Suspense } from "react";
import { ArtifactTable } from "~/features/artifacts/ArtifactTable";
import { FarImage } from "~/features/artifacts/FarImage";
import { Progress } from "~/features/artifacts/Progress";
import { artifactTable } from "~/model/artifactTable";
import { Loading } from "~/parts/Loading";
import "./artifacts.css";

const Markdown = lazy(async () => {
  const { MarkdownText } = await import("~/features/artifacts/MarkdownText");
  return { default: MarkdownText };
});

/** An artifact's data as its type means it; nothing in it is ever run. */
export function ArtifactBody({ type, data }: { type: string; data: string | null }) {
  if (data === null || data === "") return <p className="muted">It is empty.</p>;
  if (type === "progress") return <Progress data={data} isLarge />;
  if (type === "image") return <FarImage address={data} words="" />;
  if (type === "markdown") {
    return (
      <Suspense fallback={<Loading lines={4} />}>
        <Markdown text={data} />
      </Suspense>
    );
  }
  const table = type === "table" ? artifactTable(data) : null;
  return table ? (
    <ArtifactTable table={table} />
  ) : (
    <pre className="artifact-raw">{pretty(data)}</pre>
  );
}

function pretty(data: string): string {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data; // no JSON: it is shown as the text that it is
  }
}
