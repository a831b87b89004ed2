import { describe, expect, test } from "vitest";
import { packLanes } from "~/model/lanes";
import { STATE_TYPES, type StateType } from "~/model/states";
import { ticks } from "~/model/ticks";
import {
  beginOf,
  classOf,
  endedBetween,
  endOf,
  layRows,
  openBefore,
  type RunColumns,
} from "~/model/timeline";
import { groupRuns } from "~/model/timelineGroups";

type One = readonly [task: number, start: number, end: number, state?: StateType];

function columns(names: readonly string[], runs: readonly One[]): RunColumns {
  return {
    taskNames: names,
    isFlow: names.map(() => false),
    parent: new Int32Array(runs.length).fill(-1),
    task: Uint32Array.from(runs, ([task]) => task),
    created: Float64Array.from(runs, ([, start]) => start),
    start: Float64Array.from(runs, ([, start]) => start),
    end: Float64Array.from(runs, ([, , end]) => end),
    tries: new Map(),
    state: Uint8Array.from(runs, ([, , , state]) => STATE_TYPES.indexOf(state ?? "COMPLETED")),
  };
}

const MANY: readonly One[] = Array.from({ length: 40 }, (_, n) => [1, n, n + 4] as const);

test("a task with few runs has a row for each, one with many a row that unfolds into lanes", () => {
  const runs = columns(["load", "parse"], [[0, 0, 1], [0, 1, 2], ...MANY]);
  const groups = groupRuns(runs, 50);
  expect(layRows(runs, groups, new Set(), 50).map((row) => row.kind)).toEqual([
    "run",
    "run",
    "group",
  ]);
  const unfolded = layRows(runs, groups, new Set([1]), 50);
  expect(unfolded.map((row) => row.kind)).toEqual([
    "run",
    "run",
    "group",
    ...Array(4).fill("lane"),
  ]);
});

test("lanes are as many as runs were open at once, and no lane holds two runs at a time", () => {
  const runs = columns(
    ["parse"],
    MANY.map(([, start, end]) => [0, start, end] as const),
  );
  const [group] = groupRuns(runs, 50);
  if (group === undefined) throw new Error("no group");
  const lanes = packLanes(runs, group.runs, 50);
  expect(lanes.length).toBe(group.most);
  for (const lane of lanes) {
    for (let at = 1; at < lane.length; at += 1) {
      const before = endOf(runs, lane[at - 1] as number, 50);
      expect(beginOf(runs, lane[at] as number)).toBeGreaterThanOrEqual(before);
    }
  }
});

test("runs are counted in a stretch however short they are", () => {
  const runs = columns(
    ["t"],
    [
      [0, 1, 1.0001, "FAILED"],
      [0, 2, 5],
    ],
  );
  const [group] = groupRuns(runs, 9);
  if (group === undefined) throw new Error("no group");
  const [end] = group.ends.bad.at;
  if (end === undefined) throw new Error("no end");
  expect(endedBetween(group, "bad", end, end + 0.1)).toBe(1);
  expect(endedBetween(group, "bad", end + 0.1, end + 9)).toBe(0);
  expect(endedBetween(group, "bad", end - 9, end)).toBe(0);
  expect(group.bad).toBe(1);
});

test("how many were open on average is exact, also between two samples", () => {
  const runs = columns(
    ["t"],
    [
      [0, 0, 2],
      [0, 1, 2],
      [0, 1.5, 1.75],
    ],
  );
  const [group] = groupRuns(runs, 9);
  if (group === undefined) throw new Error("no group");
  const average = (from: number, to: number) =>
    (openBefore(group, "fine", to) - openBefore(group, "fine", from)) / (to - from);
  expect(average(0, 1)).toBeCloseTo(1);
  expect(average(1, 2)).toBeCloseTo(2.25);
  expect(average(5, 6)).toBeCloseTo(0);
});

test("an open run's bar goes on until now", () => {
  const runs = columns(["t"], [[0, 1, Number.NaN, "RUNNING"]]);
  expect(endOf(runs, 0, 7)).toBe(7);
});

describe("the ruler counts in steps that people count in", () => {
  test.each([
    [0, 10, 5, 2],
    [0, 0.004, 4, 0.001],
    [0, 7_200, 6, 1_800],
    [0, 60, 6, 10],
  ])("from %s to %s in about %s steps: %s", (from, to, count, step) => {
    expect(ticks(from, to, count).step).toBeCloseTo(step);
  });
});

test("a hundred thousand runs are laid out in a time that grows with them, not with their square", {
  timeout: 20_000,
}, () => {
  const many = Array.from({ length: 100_000 }, (_, n) => [0, n * 0.001, n * 0.001 + 0.02] as const);
  const runs = columns(["t"], many);
  const begun = performance.now();
  const groups = groupRuns(runs, 200);
  const rows = layRows(runs, groups, new Set([0]), 200);
  expect(rows.length).toBeGreaterThan(19);
  expect(performance.now() - begun).toBeLessThan(10_000); // 0.2 s where nobody else works
});

test("what runs of a task called is below them, one that calls itself is one group", () => {
  const runs = columns(
    ["outer", "inner", "other"],
    [
      [0, 0, 9],
      [2, 1, 2],
      [1, 2, 3],
      [1, 4, 5],
      [0, 5, 6],
    ],
  );
  runs.parent.set([-1, -1, 0, 0, 3]);
  const groups = groupRuns(runs, 10);
  expect(groups.map(({ name, depth, runs: { length } }) => [name, depth, length])).toEqual([
    ["outer", 0, 2],
    ["inner", 1, 2],
    ["other", 0, 1],
  ]);
});

test("a flow run that was called has a row that unfolds", () => {
  const runs = { ...columns(["child"], [[0, 0, 1]]), isFlow: [true] };
  const groups = groupRuns(runs, 2);
  expect(layRows(runs, groups, new Set(), 2)[0]).toMatchObject({ unfolded: false });
  expect(layRows(runs, groups, new Set(), 2, new Set([0]))[0]).toMatchObject({ unfolded: true });
});

test("what ended without having begun is not drawn as what still waits", () => {
  const runs = columns(
    ["load"],
    [
      [0, 0, 1, "PENDING"],
      [0, 0, Number.NaN, "PENDING"],
    ],
  );
  expect([classOf(runs, 0), classOf(runs, 1)]).toEqual(["other", "active"]);
});

test("runs that are left out are in no group, what they called is on top", () => {
  const runs = columns(
    ["outer", "inner"],
    [
      [0, 0, 9],
      [1, 1, 2],
      [1, 2, 3],
    ],
  );
  runs.parent.set([-1, 0, 0]);
  const groups = groupRuns(runs, 10, Uint8Array.of(0, 1, 0));
  expect(groups.map(({ name, depth, runs: { length } }) => [name, depth, length])).toEqual([
    ["inner", 0, 1],
  ]);
});

test("a group says how many of its runs were tried again", () => {
  const tries = new Map([[1, { attempts: 2, turns: [0, 1, 2, 3] }]]);
  const runs = {
    ...columns(
      ["t"],
      [
        [0, 0, 1],
        [0, 0, 3],
      ],
    ),
    tries,
  };
  expect(groupRuns(runs, 10).map(({ retried }) => retried)).toEqual([1]);
});
