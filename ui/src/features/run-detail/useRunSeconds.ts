import { useMemo } from "react";
import type { FlowRun } from "~/api/shapes";
import { useNow } from "~/live/useNow";
import type { TimelineRuns } from "~/model/timelineRuns";

const MANY = 20_000; // task runs from which on bars grow every few seconds only
const SLOW_MS = 5_000;

/** Seconds from the run's creation to now, or to its last end where it is over. */
export function useRunSeconds(run: FlowRun, runs: TimelineRuns): number {
  const now = useNow();
  const last = useMemo(() => lastOf(runs), [runs]);
  if (!run.is_open) {
    const ended = (Date.parse(run.ended ?? run.created) - runs.origin) / 1000;
    return Math.max(ended, last);
  }
  const steady = runs.ids.length > MANY ? Math.floor(now / SLOW_MS) * SLOW_MS : now;
  return Math.max((steady - runs.origin) / 1000, last);
}

function lastOf({ columns }: TimelineRuns): number {
  let last = 0;
  for (const times of [columns.created, columns.end]) {
    for (const time of times) if (time > last) last = time; // NaN is not greater than anything
  }
  return last;
}
