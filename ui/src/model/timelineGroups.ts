/** Puts the runs of a timeline together by task, and below the tasks that called them. */

import {
  type BarClass,
  beginOf,
  classOf,
  endOf,
  type Group,
  type RunColumns,
  type Times,
} from "~/model/timeline";

/**
 * Put the runs of each task together, the task that started first on top. What runs of a task
 * called is below them, with a group for each task again. `shown` is 0 where a run is left out.
 */
export function groupRuns(
  columns: RunColumns,
  now: number,
  shown: Uint8Array | null = null,
): readonly Group[] {
  const { groupOf, sizes, parents } = numberGroups(columns, shown);
  const buckets = sizes.map((size) => new Uint32Array(size));
  const filled = new Uint32Array(sizes.length);
  for (let run = 0; run < columns.task.length; run += 1) {
    const group = groupOf[run] as number;
    if (group < 0) continue;
    const at = filled[group] as number;
    (buckets[group] as Uint32Array)[at] = run;
    filled[group] = at + 1;
  }
  const depths: number[] = [];
  for (const parent of parents) depths.push(parent < 0 ? 0 : (depths[parent] as number) + 1);
  const groups = buckets.map((runs, at) => makeGroup(columns, runs, depths[at] as number, now));
  return inOrder(columns, groups, parents);
}

/** A number for each run's group, the same for the same task below the same group; -1 for none. */
function numberGroups(columns: RunColumns, shown: Uint8Array | null) {
  const { task, parent, taskNames } = columns;
  const groupOf = new Int32Array(task.length).fill(-1);
  const numbers = new Map<number, number>();
  const sizes: number[] = [];
  const parents: number[] = [];
  const tasks: number[] = [];
  for (let run = 0; run < task.length; run += 1) {
    if (shown?.[run] === 0) continue;
    const caller = parent[run] as number;
    // A caller is created before what it calls: one that comes later is none of ours.
    let above = caller >= 0 && caller < run ? (groupOf[caller] as number) : -1;
    const own = task[run] as number;
    // A task that calls itself, through others or not, is one group however deep that goes.
    for (let at = above; at >= 0; at = parents[at] as number) {
      if (tasks[at] === own) above = parents[at] as number;
    }
    const key = (above + 1) * taskNames.length + own;
    let group = numbers.get(key);
    if (group === undefined) {
      group = sizes.push(0) - 1;
      numbers.set(key, group);
      parents.push(above);
      tasks.push(own);
    }
    sizes[group] = (sizes[group] as number) + 1;
    groupOf[run] = group;
  }
  return { groupOf, sizes, parents };
}

/** Each group followed by those below it, by first start. */
function inOrder(
  columns: RunColumns,
  groups: readonly Group[],
  parents: readonly number[],
): readonly Group[] {
  const below = new Map<number, Group[]>();
  for (const [at, group] of groups.entries()) {
    const parent = parents[at] as number;
    below.set(parent, [...(below.get(parent) ?? []), group]);
  }
  const found: Group[] = [];
  const add = (parent: number) => {
    const level = below.get(parent) ?? [];
    level.sort((one, other) => firstOf(columns, one) - firstOf(columns, other));
    for (const group of level) {
      found.push(group);
      add(groups.indexOf(group));
    }
  };
  add(-1);
  return found;
}

function makeGroup(columns: RunColumns, runs: Uint32Array, depth: number, now: number): Group {
  const task = columns.task[runs[0] as number] as number;
  sortByBegin(columns, runs);
  const starts = byClass();
  const ends = byClass();
  const begins = new Float64Array(runs.length);
  const overs = new Float64Array(runs.length);
  const took = new Float64Array(runs.length);
  let bad = 0;
  let retried = 0;
  for (let at = 0; at < runs.length; at += 1) {
    const run = runs[at] as number;
    const kind = classOf(columns, run);
    const begin = beginOf(columns, run);
    const end = endOf(columns, run, now);
    begins[at] = begin;
    overs[at] = end;
    took[at] = end - begin;
    starts[kind].push(begin);
    ends[kind].push(end);
    if (kind === "bad") bad += 1;
    if (columns.tries.has(run)) retried += 1;
  }
  overs.sort();
  took.sort();
  return {
    task,
    name: columns.taskNames[task] as string,
    isFlow: columns.isFlow[task] ?? false,
    depth,
    runs,
    bad,
    retried,
    most: mostAtOnce(begins, overs),
    median: took[took.length >> 1] as number,
    starts: sorted(starts),
    ends: sorted(ends),
  };
}

/** Runs come in the order of creation, which is often that of their starts already. */
function sortByBegin(columns: RunColumns, runs: Uint32Array): void {
  let isSorted = true;
  for (let at = 1; at < runs.length && isSorted; at += 1) {
    isSorted = beginOf(columns, runs[at - 1] as number) <= beginOf(columns, runs[at] as number);
  }
  if (!isSorted) runs.sort((one, other) => beginOf(columns, one) - beginOf(columns, other));
}

/** How many were open at once, by their sorted begins and ends. */
function mostAtOnce(from: Float64Array, to: Float64Array): number {
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
