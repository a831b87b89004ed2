import { Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { ApiError } from "~/api/client";
import { runsPage } from "~/api/runs";
import { csvHead, csvRows } from "~/features/runs/csvRows";
import { csvOf } from "~/model/csv";
import type { RunFilter } from "~/model/filters";

const PAGE = 1_000;

/** Saves all runs that fit as a CSV file, page by page; says how far it is, and can be stopped. */
export function ExportButton({ filter }: { filter: RunFilter }) {
  const [count, setCount] = useState<number | null>(null);
  const [problem, setProblem] = useState("");
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const save = async () => {
    stop.current = new AbortController();
    const { signal } = stop.current;
    setProblem("");
    setCount(0);
    try {
      const parts = await partsOf(filter, setCount, signal);
      const kind = filter.kind === "task" ? "task-runs" : "flow-runs";
      offer(parts, `${kind}-${new Date().toISOString().slice(0, 16).replace(":", "")}.csv`);
    } catch (error) {
      if (!signal.aborted) setProblem(error instanceof ApiError ? error.message : String(error));
    }
    setCount(null);
  };
  if (count !== null) {
    return (
      <button type="button" className="button" onClick={() => stop.current?.abort()}>
        <span className="num" aria-live="polite">
          {count.toLocaleString("en")} runs
        </span>
        Stop
      </button>
    );
  }
  return (
    <>
      {problem ? <span role="alert">{problem}</span> : null}
      <button type="button" className="button" title="Save what fits as CSV" onClick={save}>
        <Download size={14} aria-hidden="true" />
        CSV
      </button>
    </>
  );
}

async function partsOf(
  filter: RunFilter,
  tell: (count: number) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const now = Date.now(); // a span ends for all pages at the same time
  const parts = [csvOf([csvHead(filter.kind === "task")])];
  let cursor: string | null = null;
  let count = 0;
  do {
    const page = await runsPage(filter, cursor, PAGE, signal, now);
    parts.push(csvOf(csvRows(page)));
    count += page.items.length;
    tell(count);
    cursor = page.next;
  } while (cursor !== null);
  return parts;
}

function offer(parts: string[], name: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
