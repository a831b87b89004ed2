import type { TimelineRuns } from "~/model/timelineRuns";

/** Says so while only the first of many task runs are here. */
export function PartNote({ runs, count }: { runs: TimelineRuns; count: number }) {
  if (runs.isWhole) return null;
  return (
    <p className="part-note" role="status">
      {runs.ids.length.toLocaleString("en")} of {count.toLocaleString("en")} task runs are here; the
      others are on their way.
    </p>
  );
}
