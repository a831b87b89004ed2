/** Runs as points of a plot: when they were created against how long they took. */

interface Shown {
  readonly created: string;
  readonly started: string | null;
  readonly ended: string | null;
}

export interface Point<Run> {
  readonly run: Run;
  /** Seconds since 1970. */
  readonly x: number;
  /** The logarithm (10) of its seconds: runs take from milliseconds to days. */
  readonly y: number;
}

const LEAST = 0.001;

/** The points of those that started, the oldest first; what is open lasts until `now` (ms). */
export function pointsOf<Run extends Shown>(runs: readonly Run[], now: number): Point<Run>[] {
  return runs
    .filter((run) => run.started !== null)
    .map((run) => {
      const end = run.ended === null ? now : Date.parse(run.ended);
      const seconds = (end - Date.parse(run.started ?? run.created)) / 1000;
      return { run, x: Date.parse(run.created) / 1000, y: Math.log10(Math.max(LEAST, seconds)) };
    })
    .sort((one, other) => one.x - other.x);
}

const STEPS = [
  0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800, 2_592_000,
] as const;

/** Round durations between two logarithms: those that people count in. */
export function durationTicks(least: number, most: number): number[] {
  return STEPS.map((seconds) => Math.log10(seconds)).filter((one) => one >= least && one <= most);
}

/** The range of an axis that holds all points, with room around them and a decade at least. */
export function rangeOf(ys: readonly number[]): [number, number] {
  if (ys.length === 0) return [-1, 2];
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const y of ys) {
    if (y < least) least = y;
    if (y > most) most = y;
  }
  const lacking = Math.max(0, 1 - (most - least));
  return [least - 0.15 - lacking / 2, most + 0.2 + lacking / 2];
}
