import type { Progress } from "~/api/shapes";

/** How far the loops of a run are. */
export function ProgressBars({ progress }: { progress: readonly Progress[] }) {
  return progress.map((one) => (
    <div key={one.description} className="run-progress">
      <span>{one.description}</span>
      <progress
        max={one.total ?? undefined}
        value={one.total === null ? undefined : one.done}
        aria-label={one.description || "Progress"}
      />
      <span className="num muted">
        {one.done.toLocaleString("en")}
        {one.total === null ? "" : ` of ${one.total.toLocaleString("en")}`}
      </span>
    </div>
  ));
}
