/**
 * The timeline of a flow run as rows of boxes: a pure function of its task runs and of what is
 * unfolded. Times are seconds since the flow run's start; nothing here knows a pixel or a canvas.
 */

import { packLanes } from "~/model/lanes";
import { STATE_TYPES, type StateType } from "~/model/states";

/** Task runs as columns, in any order. `end` is NaN while a run is open, `start` until it starts. */
export interface RunColumns {
  readonly taskNames: readonly string[];
  readonly task: Uint32Array;
  readonly created: Float64Array;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly state: Uint8Array;
}

/** What a bar means at a glance; the drawing order, so that what is bad lies on top. */
export const CLASSES = ["other", "fine", "active", "bad"] as const;
export type BarClass = (typeof CLASSES)[number];

const CLASS_OF = {
  SCHEDULED: "active",
  PENDING: "active",
  RUNNING: "active",
  COMPLETED: "fine",
  FAILED: "bad",
  CANCELLED: "other",
  CRASHED: "bad",
  PAUSED: "active",
  CANCELLING: "active",
} as const satisfies Record<StateType, BarClass>;

/** The starts or the ends of a group's runs: sorted, with the sum of all before each. */
export interface Times {
  readonly at: Float64Array;
  readonly sums: Float64Array;
}

/** All runs of one task; `most` is how many were open at once. */
export interface Group {
  readonly task: number;
  readonly name: string;
  readonly runs: Uint32Array;
  readonly bad: number;
  readonly most: number;
  readonly median: number;
  readonly starts: Record<BarClass, Times>;
  readonly ends: Record<BarClass, Times>;
}

export type Row =
  | { readonly kind: "group"; readonly group: Group; readonly unfolded: boolean }
  | { readonly kind: "lane"; readonly group: Group; readonly runs: Uint32Array }
  | { readonly kind: "run"; readonly group: Group; readonly run: number };

/** Tasks with at most so many runs get a row for each; more are one row that unfolds. */
export const FEW = 8;

/** Put the runs of each task together, the task that started first on top. */
export function groupRuns(columns: RunColumns, now: number): readonly Group[] {
  const sizes = new Uint32Array(columns.taskNames.length);
  for (const task of columns.task) sizes[task] = (sizes[task] ?? 0) + 1;
  const buckets = Array.from(sizes, (size) => new Uint32Array(size));
  const filled = new Uint32Array(sizes.length);
  for (let run = 0; run < columns.task.length; run += 1) {
    const task = columns.task[run] as number;
    const at = filled[task] as number;
    (buckets[task] as Uint32Array)[at] = run;
    filled[task] = at + 1;
  }
  const groups = buckets
    .map((runs, task) => ({ runs, task }))
    .filter(({ runs }) => runs.length > 0)
    .map(({ runs, task }) => makeGroup(columns, task, runs, now));
  return groups.sort((one, other) => firstOf(columns, one) - firstOf(columns, other));
}

/** The rows to draw: of each task its runs, or one row, and below it lanes where it is unfolded. */
export function layRows(
  columns: RunColumns,
  groups: readonly Group[],
  unfolded: ReadonlySet<number>,
  now: number,
): readonly Row[] {
  const rows: Row[] = [];
  for (const group of groups) {
    if (group.runs.length <= FEW) {
      for (const run of group.runs) rows.push({ kind: "run", group, run });
      continue;
    }
    const isUnfolded = unfolded.has(group.task);
    rows.push({ kind: "group", group, unfolded: isUnfolded });
    if (!isUnfolded) continue;
    for (const runs of packLanes(columns, group.runs, now)) {
      rows.push({ kind: "lane", group, runs });
    }
  }
  return rows;
}

/** How many runs of a class end in the stretch [from, to). */
export function endedBetween(group: Group, kind: BarClass, from: number, to: number): number {
  return below(group.ends[kind].at, to) - below(group.ends[kind].at, from);
}

/**
 * The time that runs of a class were open before a moment, summed over the runs. Two of them tell
 * how many were open on average between two moments, however many runs that are.
 */
export function openBefore(group: Group, kind: BarClass, moment: number): number {
  return elapsed(group.starts[kind], moment) - elapsed(group.ends[kind], moment);
}

function elapsed(times: Times, moment: number): number {
  const count = below(times.at, moment);
  return count * moment - (times.sums[count] as number);
}

/** The index of the first run of a lane that ends after a time; the runs are in order of start. */
export function firstAfter(
  columns: RunColumns,
  lane: Uint32Array,
  time: number,
  now: number,
): number {
  let low = 0;
  let high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(columns, lane[middle] as number, now) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** When a run's bar begins: at its start, or where it never started at its creation. */
export function beginOf(columns: RunColumns, run: number): number {
  const start = columns.start[run] as number;
  return Number.isNaN(start) ? (columns.created[run] as number) : start;
}

/** When a run's bar ends: now, where the run is open. */
export function endOf(columns: RunColumns, run: number, now: number): number {
  const end = columns.end[run] as number;
  return Number.isNaN(end) ? Math.max(now, beginOf(columns, run)) : end;
}

export function classOf(columns: RunColumns, run: number): BarClass {
  return CLASS_OF[STATE_TYPES[columns.state[run] as number] ?? "PENDING"];
}

function makeGroup(columns: RunColumns, task: number, runs: Uint32Array, now: number): Group {
  runs.sort((one, other) => beginOf(columns, one) - beginOf(columns, other));
  const starts = byClass();
  const ends = byClass();
  const times: number[] = [];
  let bad = 0;
  for (const run of runs) {
    const kind = classOf(columns, run);
    const begin = beginOf(columns, run);
    const end = endOf(columns, run, now);
    starts[kind].push(begin);
    ends[kind].push(end);
    times.push(end - begin);
    if (kind === "bad") bad += 1;
  }
  times.sort((one, other) => one - other);
  return {
    task,
    name: columns.taskNames[task] as string,
    runs,
    bad,
    most: mostAtOnce(Object.values(starts).flat(), Object.values(ends).flat()),
    median: times[times.length >> 1] as number,
    starts: sorted(starts),
    ends: sorted(ends),
  };
}

function mostAtOnce(starts: number[], ends: number[]): number {
  const from = Float64Array.from(starts).sort();
  const to = Float64Array.from(ends).sort();
  let most = 0;
  let over = 0;
  for (let begun = 0; begun < from.length; begun += 1) {
    while ((to[over] as number) <= (from[begun] as number) && over < begun) over += 1;
    most = Math.max(most, begun + 1 - over);
  }
  return most;
}

function firstOf(columns: RunColumns, group: Group): number {
  return beginOf(columns, group.runs[0] as number);
}

function byClass(): Record<BarClass, number[]> {
  return { other: [], fine: [], active: [], bad: [] };
}

function sorted(times: Record<BarClass, number[]>): Record<BarClass, Times> {
  return {
    other: summed(times.other),
    fine: summed(times.fine),
    active: summed(times.active),
    bad: summed(times.bad),
  };
}

function summed(times: number[]): Times {
  const at = Float64Array.from(times).sort();
  const sums = new Float64Array(at.length + 1);
  for (let index = 0; index < at.length; index += 1) {
    sums[index + 1] = (sums[index] as number) + (at[index] as number);
  }
  return { at, sums };
}

/** How many of the sorted times are below a bound. */
function below(times: Float64Array, bound: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
