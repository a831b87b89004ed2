/** Runs by the time of their creation as bars, those of an hour without any among them. */

import { BAD, isStateType, WORST_FIRST } from "~/model/states";

interface Counted {
  readonly type: string;
  readonly runs: number;
}

export interface Bar {
  /** Milliseconds since 1970: the first moment of the bar, and the first behind it. */
  readonly start: number;
  readonly end: number;
  readonly total: number;
  readonly bad: number;
  /** Of one type each, the worst first. */
  readonly parts: readonly Counted[];
}

export interface Bars {
  readonly bars: readonly Bar[];
  /** How many runs the highest bar has, at least 1. */
  readonly most: number;
}

/** Bars from `since` until `until`; those of a day begin at midnight UTC, as the buckets do. */
export function barsOf(
  buckets: readonly { readonly start: string; readonly states: readonly Counted[] }[],
  since: string,
  until: string,
  seconds: number,
): Bars {
  const size = seconds * 1000;
  const first = Math.floor(Date.parse(since) / size) * size;
  const found = new Map(buckets.map(({ start, states }) => [Date.parse(start), states]));
  const bars: Bar[] = [];
  for (let start = first; start < Date.parse(until); start += size) {
    bars.push(barOf(start, start + size, found.get(start) ?? []));
  }
  return { bars, most: Math.max(1, ...bars.map(({ total }) => total)) };
}

function barOf(start: number, end: number, states: readonly Counted[]): Bar {
  const sums = new Map<string, number>();
  for (const { type, runs } of states) sums.set(type, (sums.get(type) ?? 0) + runs);
  const parts = WORST_FIRST.flatMap((type) => {
    const runs = sums.get(type) ?? 0;
    return runs > 0 ? [{ type, runs }] : [];
  });
  const total = parts.reduce((sum, { runs }) => sum + runs, 0);
  const bad = parts.reduce(
    (sum, { type, runs }) => sum + (isStateType(type) && BAD.has(type) ? runs : 0),
    0,
  );
  return { start, end, total, bad, parts };
}

/** One number a minute for the last `count` minutes until `until`, the oldest first. */
export function minutesOf(
  minutes: readonly { readonly start: string; readonly runs: number }[],
  until: string,
  count: number,
): readonly number[] {
  const last = Math.floor(Date.parse(until) / 60_000);
  const found = new Map(
    minutes.map(({ start, runs }) => [Math.floor(Date.parse(start) / 60_000), runs]),
  );
  return Array.from({ length: count }, (_, place) => found.get(last - count + 1 + place) ?? 0);
}
