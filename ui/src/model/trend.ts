/** How a flow or task went day by day: sums of the server as rows of numbers without gaps. */

import { BAD, isStateType, type StateType, WORST_FIRST } from "~/model/states";

export interface DayGiven {
  /** The beginning of a day in UTC. */
  readonly day: string;
  readonly runs: number;
  readonly p50_seconds: number | null;
  readonly p95_seconds: number | null;
  readonly states: readonly { readonly type: string; readonly runs: number }[];
}

/** One day; durations in seconds, null where nothing ran. */
export interface Day {
  /** Seconds since 1970 of its beginning in UTC. */
  readonly at: number;
  readonly runs: number;
  readonly p50: number | null;
  readonly p95: number | null;
  /** The worst first; those of a type together. */
  readonly states: readonly { readonly type: StateType; readonly runs: number }[];
}

export const DAY_SECONDS = 86_400;

/** The last `count` days until `now` (milliseconds), the oldest first; days without runs are there. */
export function wholeDays(given: readonly DayGiven[], count: number, now: number): Day[] {
  const known = new Map(given.map((one) => [Math.floor(Date.parse(one.day) / 1000), one]));
  const today = Math.floor(now / 1000 / DAY_SECONDS) * DAY_SECONDS;
  return Array.from({ length: count }, (_, place) => {
    const at = today - (count - 1 - place) * DAY_SECONDS;
    const found = known.get(at);
    return {
      at,
      runs: found?.runs ?? 0,
      p50: found?.p50_seconds ?? null,
      p95: found?.p95_seconds ?? null,
      states: found ? typesOf(found.states) : [],
    };
  });
}

const LEAST_DAYS = 8; // a week and today

/** Without the days before the first run, but for those of a week: what is not known takes no room. */
export function knownDays(days: readonly Day[]): readonly Day[] {
  const first = days.findIndex((day) => day.runs > 0);
  const begin = first < 0 ? days.length : first;
  return days.slice(Math.max(0, Math.min(begin, days.length - LEAST_DAYS)));
}

/** How many runs of a day went wrong. */
export function badOf(day: Day): number {
  return day.states.reduce((sum, { type, runs }) => sum + (BAD.has(type) ? runs : 0), 0);
}

/** "0 %", "< 0.1 %", "3.4 %", "62 %"; never rounded to nothing or to all. */
export function percent(share: number | null): string {
  if (share === null) return "–";
  if (share === 0) return "0 %";
  if (share < 0.001) return "< 0.1 %";
  if (share > 0.999 && share < 1) return "> 99.9 %";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

function typesOf(states: DayGiven["states"]): Day["states"] {
  const sums = new Map<StateType, number>();
  for (const { type, runs } of states) {
    const known = isStateType(type) ? type : "PENDING";
    sums.set(known, (sums.get(known) ?? 0) + runs);
  }
  return WORST_FIRST.flatMap((type) => {
    const runs = sums.get(type);
    return runs ? [{ type, runs }] : [];
  });
}
