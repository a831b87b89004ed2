/** The task runs of a flow run grouped by task: a pure function of them and of a filter. */

import { BAD, STATE_TYPES, type StateType, WORST_FIRST } from "~/model/states";
import { beginOf, endOf, type RunColumns } from "~/model/timeline";
import { type TimelineRuns, typeOf } from "~/model/timelineRuns";

export interface TaskFilter {
  readonly type?: StateType | undefined;
  /** Part of a run's name, in any case. */
  readonly name?: string | undefined;
}

/** The runs of one task; durations in seconds, of runs that started, open ones until now. */
export interface TaskGroup {
  readonly task: number;
  readonly name: string;
  /** Those that fit the filter: what went wrong first, then by start. */
  readonly runs: Uint32Array;
  readonly states: readonly { type: StateType; runs: number }[];
  readonly p50: number | null;
  readonly p95: number | null;
  /** When the first of them began. */
  readonly began: number;
}

/** Groups with failures come first, then by first start. */
export function taskTable(runs: TimelineRuns, filter: TaskFilter, now: number): TaskGroup[] {
  const { columns } = runs;
  const found = columns.taskNames.map((): number[] => []);
  const name = filter.name?.toLowerCase();
  const wanted = filter.type === undefined ? -1 : STATE_TYPES.indexOf(filter.type);
  for (let run = 0; run < columns.task.length; run += 1) {
    if (wanted >= 0 && columns.state[run] !== wanted) continue;
    if (name && !(runs.names[run] as string).toLowerCase().includes(name)) continue;
    found[columns.task[run] as number]?.push(run);
  }
  return found
    .map((group, task) => groupOf(columns, task, group, now))
    .filter((group) => group.runs.length > 0)
    .sort((one, other) => badOf(other) - badOf(one) || one.began - other.began);
}

/** How many runs of a group went wrong. */
export function badOf(group: TaskGroup): number {
  return group.states.reduce((sum, { type, runs }) => sum + (BAD.has(type) ? runs : 0), 0);
}

/** What stands in each row: a run, or minus the place of a group minus one. */
export function tableRows(groups: readonly TaskGroup[], open: ReadonlySet<string>): Int32Array {
  const size = groups.reduce(
    (sum, group) => sum + 1 + (open.has(group.name) ? group.runs.length : 0),
    0,
  );
  const rows = new Int32Array(size);
  let at = 0;
  for (const [place, group] of groups.entries()) {
    rows[at] = -place - 1;
    at += 1;
    if (!open.has(group.name)) continue;
    rows.set(group.runs, at);
    at += group.runs.length;
  }
  return rows;
}

function groupOf(columns: RunColumns, task: number, group: number[], now: number): TaskGroup {
  const counts = new Map<StateType, number>();
  const times: number[] = [];
  for (const run of group) {
    const type = typeOf(columns, run);
    counts.set(type, (counts.get(type) ?? 0) + 1);
    if (!Number.isNaN(columns.start[run]))
      times.push(endOf(columns, run, now) - beginOf(columns, run));
  }
  const sorted = Float64Array.from(times).sort();
  const rank = new Map(WORST_FIRST.map((type, place) => [STATE_TYPES.indexOf(type), place]));
  const key = (run: number) => rank.get(columns.state[run] as number) ?? 0;
  group.sort(
    (one, other) => key(one) - key(other) || beginOf(columns, one) - beginOf(columns, other),
  );
  return {
    task,
    name: columns.taskNames[task] as string,
    runs: Uint32Array.from(group),
    states: WORST_FIRST.flatMap((type) => {
      const runs = counts.get(type);
      return runs ? [{ type, runs }] : [];
    }),
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    began: group.reduce(
      (least, run) => Math.min(least, beginOf(columns, run)),
      Number.POSITIVE_INFINITY,
    ),
  };
}

function quantile(sorted: Float64Array, share: number): number | null {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
