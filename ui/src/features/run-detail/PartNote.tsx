import type { TimelineRuns } from "~/model/timelineRuns";

/** Says so while only the first of many task runs are here. */
export function PartNote({ runs }: { runs: TimelineRuns }) {
  if (runs.isWhole) return null;
  return (
    <p className="part-note" role="status">
      The first {runs.ids.length.toLocaleString("en")} task runs; the others are on their way.
    </p>
  );
}
