import { expect, test } from "vitest";
import { STATE_TYPES, type StateType } from "~/model/states";
import { badOf, tableRows, taskTable } from "~/model/taskTable";
import type { TimelineRuns } from "~/model/timelineRuns";

type Given = readonly [task: number, start: number, end: number, type: StateType];

function runsOf(taskNames: string[], given: readonly Given[]): TimelineRuns {
  return {
    origin: 0,
    columns: {
      taskNames,
      isFlow: taskNames.map(() => false),
      parent: new Int32Array(given.length).fill(-1),
      task: Uint32Array.from(given, ([task]) => task),
      created: Float64Array.from(given, ([, start]) => start),
      start: Float64Array.from(given, ([, start]) => start),
      end: Float64Array.from(given, ([, , end]) => end),
      state: Uint8Array.from(given, ([, , , type]) => STATE_TYPES.indexOf(type)),
      tries: new Map(),
    },
    ids: given.map((_, run) => `id-${run}`),
    names: given.map(([task], run) => `${taskNames[task]}-${run}`),
    stateNames: given.map(([, , , type]) => type),
    tags: new Uint32Array(given.length),
    tagSets: [[]],
    isWhole: true,
  };
}

const RUNS = runsOf(
  ["load", "parse"],
  [
    [0, 0, 1, "COMPLETED"],
    [1, 1, 3, "COMPLETED"],
    [1, 2, 6, "FAILED"],
    [1, 3, Number.NaN, "RUNNING"],
  ],
);

test("tasks with failures come first, and within them the runs that failed", () => {
  const groups = taskTable(RUNS, {}, 10);
  expect(groups.map(({ name }) => name)).toEqual(["parse", "load"]);
  expect([...(groups[0]?.runs ?? [])]).toEqual([2, 3, 1]);
  expect(groups.map(badOf)).toEqual([1, 0]);
});

test("durations are those of started runs, of open ones until now", () => {
  const [parse] = taskTable(RUNS, {}, 10);
  expect(parse?.p50).toBe(4);
  expect(parse?.p95).toBe(7);
});

test("a filter leaves only the runs that fit, and no task without one", () => {
  expect(taskTable(RUNS, { type: "COMPLETED", name: "PARSE" }, 10)).toMatchObject([
    { name: "parse", states: [{ type: "COMPLETED", runs: 1 }] },
  ]);
  expect(taskTable(RUNS, { name: "nothing" }, 10)).toEqual([]);
});

test("an unfolded task has its runs below its row", () => {
  const groups = taskTable(RUNS, {}, 10);
  expect([...tableRows(groups, new Set())]).toEqual([-1, -2]);
  expect([...tableRows(groups, new Set(["parse"]))]).toEqual([-1, 2, 3, 1, -2]);
});
