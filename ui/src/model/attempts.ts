/** The attempts of runs that were tried more than once. */

import { endOf, type RunColumns } from "~/model/timeline";

/** Seconds since the flow run's start. */
export interface Attempt {
  readonly from: number;
  readonly to: number;
}

/** The attempts of a run as far as they are known; none where it was tried only once. */
export function attemptsOf(columns: RunColumns, run: number, now: number): readonly Attempt[] {
  const turns = columns.tries.get(run)?.turns ?? [];
  const found: Attempt[] = [];
  for (let at = 0; at < turns.length; at += 2) {
    const to = turns[at + 1] ?? endOf(columns, run, now);
    found.push({ from: turns[at] as number, to: Math.max(to, turns[at] as number) });
  }
  return found;
}
