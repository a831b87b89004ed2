/**
 * The timeline of a flow run as rows of boxes: a pure function of its task runs and of what is
 * unfolded. Times are seconds since the flow run's start; nothing here knows a pixel or a canvas.
 */

import { packLanes } from "~/model/lanes";
import { STATE_TYPES, type StateType } from "~/model/states";

/** Task runs as columns, in any order. `end` is NaN while a run is open, `start` until it starts. */
export interface RunColumns {
  readonly taskNames: readonly string[];
  /** Of each task whether it is a flow that was called. */
  readonly isFlow: readonly boolean[];
  readonly task: Uint32Array;
  /** The place of the run that called it, -1 for none. */
  readonly parent: Int32Array;
  readonly created: Float64Array;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly state: Uint8Array;
  /** Only of runs that were tried more than once. */
  readonly tries: ReadonlyMap<number, Tries>;
}

/** How often a run was tried. */
export interface Tries {
  readonly attempts: number;
  /** When an attempt began and when it ended, in turns; the last one may have no end. */
  readonly turns: readonly number[];
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

/** All runs of one task that runs of one other called; `most` is how many were open at once. */
export interface Group {
  readonly task: number;
  readonly name: string;
  readonly isFlow: boolean;
  /** How many groups it is below. */
  readonly depth: number;
  readonly runs: Uint32Array;
  readonly bad: number;
  /** How many were tried more than once. */
  readonly retried: number;
  readonly most: number;
  readonly median: number;
  readonly starts: Record<BarClass, Times>;
  readonly ends: Record<BarClass, Times>;
}

export type Row =
  | { readonly kind: "group"; readonly group: Group; readonly unfolded: boolean }
  | { readonly kind: "lane"; readonly group: Group; readonly runs: Uint32Array }
  | {
      readonly kind: "run";
      readonly group: Group;
      readonly run: number;
      /** Whether what a flow run called is shown; null where the run is none. */
      readonly unfolded: boolean | null;
    };

/** Tasks with at most so many runs get a row for each; more are one row that unfolds. */
export const FEW = 8;

/**
 * The rows to draw: of each task its runs, or one row, and below it lanes where it is unfolded.
 * `unfolded` are numbers of tasks, and `opened` are flow runs whose own runs are there.
 */
export function layRows(
  columns: RunColumns,
  groups: readonly Group[],
  unfolded: ReadonlySet<number>,
  now: number,
  opened: ReadonlySet<number> = NONE,
): readonly Row[] {
  const rows: Row[] = [];
  for (const group of groups) {
    if (group.runs.length <= FEW) {
      for (const run of group.runs) {
        rows.push({ kind: "run", group, run, unfolded: group.isFlow ? opened.has(run) : null });
      }
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

const NONE: ReadonlySet<number> = new Set();

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

/** How a run is drawn: what ended without a begin (NotReady) is as good as cancelled. */
export function classOf(columns: RunColumns, run: number): BarClass {
  const kind = CLASS_OF[STATE_TYPES[columns.state[run] as number] ?? "PENDING"];
  return kind === "active" && !Number.isNaN(columns.end[run]) ? "other" : kind;
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
