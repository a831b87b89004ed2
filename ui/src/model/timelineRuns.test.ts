import { expect, test } from "vitest";
import type { TimelinePage } from "~/api/shapes";
import { attemptsOf } from "~/model/attempts";
import { settled, timelineRuns, typeOf, withSubflows } from "~/model/timelineRuns";
import { differInTags, tagsOf, withTag } from "~/model/timelineTags";

function page(changes: Partial<TimelinePage>): TimelinePage {
  return {
    origin: "2026-11-23T00:00:00.000000Z",
    ids: ["a"],
    of: [0],
    created: [0],
    started: [1_500_000],
    ended: [null],
    state: [0],
    parent: [null],
    titles: ["parse-0"],
    tags: [0],
    tag_sets: [[]],
    tries: [],
    names: ["parse"],
    states: [{ type: "RUNNING", name: "Running" }],
    next: null,
    ...changes,
  };
}

test("pages number tasks and states each for themselves; together they have one numbering", () => {
  const other = page({
    ids: ["b", "c"],
    of: [0, 1],
    created: [1, 2],
    started: [null, 3],
    ended: [null, 4_000],
    state: [0, 1],
    parent: [null, null],
    titles: [null, "parse-1"],
    names: ["load", "parse"],
    states: [
      { type: "PENDING", name: "Queued" },
      { type: "FAILED", name: "TimedOut" },
    ],
  });
  const { columns, ids, names, stateNames } = timelineRuns([page({}), other]);
  expect(ids).toEqual(["a", "b", "c"]);
  expect(columns.taskNames).toEqual(["parse", "load"]);
  expect([...columns.task]).toEqual([0, 1, 0]);
  expect(names).toEqual(["parse-0", "load", "parse-1"]);
  expect(stateNames).toEqual(["Running", "Queued", "TimedOut"]);
  expect([0, 1, 2].map((run) => typeOf(columns, run))).toEqual(["RUNNING", "PENDING", "FAILED"]);
});

test("pages are not the whole as long as another one follows", () => {
  expect(timelineRuns([page({ next: "more" })]).isWhole).toBe(false);
  expect(timelineRuns([page({ next: "more" }), page({})]).isWhole).toBe(true);
});

test("times are seconds; what has not happened is not a number", () => {
  const { columns, origin } = timelineRuns([page({})]);
  expect(origin).toBe(Date.UTC(2026, 10, 23));
  expect(columns.start[0]).toBe(1.5);
  expect(columns.end[0]).toBeNaN();
});

test("the runs of a subflow have it as their caller, and their times count from the same start", () => {
  const subflows = page({
    ids: ["f"],
    names: ["child"],
    titles: ["calm-hill"],
    created: [2_000_000],
  });
  const inside = page({
    origin: "2026-11-23T00:00:02.000000Z",
    ids: ["x", "y"],
    of: [0, 0],
    created: [0, 0],
    started: [500_000, null],
    ended: [null, null],
    state: [0, 0],
    parent: [null, "x"],
    titles: ["parse-7", "parse-8"],
  });
  const { columns, ids } = withSubflows([page({})], [subflows], [{ id: "f", pages: [inside] }]);
  expect(ids).toEqual(["a", "f", "x", "y"]);
  expect(columns.taskNames).toEqual(["parse", "child"]);
  expect(columns.isFlow).toEqual([false, true]);
  expect([...columns.parent]).toEqual([-1, -1, 1, 2]);
  expect(columns.start[2]).toBe(2.5);
});

test("pages are read again from the first one on in which a run is open, and the last one always", () => {
  const over = page({ ended: [9], next: "more" });
  const open = page({ next: "more" });
  const last = page({ ended: [9] });
  expect(settled([over, over, last])).toEqual([over, over]);
  expect(settled([over, open, over, last])).toEqual([over]);
  expect(settled([])).toEqual([]);
});

test("tags have one numbering over pages, and attempts the place of their run among all", () => {
  const other = page({
    ids: ["b", "c"],
    of: [0, 0],
    created: [1, 2],
    started: [3, 4],
    ended: [9_000_000, 9_000_000],
    state: [0, 0],
    parent: [null, null],
    titles: ["parse-1", "parse-2"],
    tags: [0, 1],
    tag_sets: [["slow"], []],
    tries: [{ run: 1, attempts: 2, turns: [4, 2_000_000, 3_000_000, 9_000_000] }],
  });
  const runs = timelineRuns([page({}), other]);
  expect([...runs.tags].map((set) => runs.tagSets[set])).toEqual([[], ["slow"], []]);
  expect([...runs.columns.tries.keys()]).toEqual([2]);
  expect(attemptsOf(runs.columns, 2, 10)).toEqual([
    { from: 0.000004, to: 2 },
    { from: 3, to: 9 },
  ]);
  expect(attemptsOf(runs.columns, 1, 10)).toEqual([]);
});

test("the attempt that goes on ends now, that of a process which died at the run's end", () => {
  const tries = [{ run: 0, attempts: 2, turns: [0, 1_000_000, 2_000_000] }];
  expect(attemptsOf(timelineRuns([page({ tries })]).columns, 0, 7).at(-1)).toEqual({
    from: 2,
    to: 7,
  });
  const died = page({ tries, ended: [5_000_000] });
  expect(attemptsOf(timelineRuns([died]).columns, 0, 7).at(-1)).toEqual({ from: 2, to: 5 });
});

test("tags are counted by runs, and only runs that have one are shown", () => {
  const runs = timelineRuns([
    page({
      ids: ["a", "b", "c"],
      of: [0, 0, 0],
      created: [0, 0, 0],
      started: [0, 0, 0],
      ended: [1, 1, 1],
      state: [0, 0, 0],
      parent: [null, "a", null],
      titles: [null, null, null],
      tags: [0, 1, 2],
      tag_sets: [["slow", "io"], ["slow"], []],
    }),
  ]);
  expect(tagsOf(runs)).toEqual([
    { tag: "slow", runs: 2 },
    { tag: "io", runs: 1 },
  ]);
  expect(differInTags(runs)).toBe(true);
  expect(differInTags({ ...runs, tagSets: [["io", "slow"]] })).toBe(false);
  expect(differInTags({ ...runs, tagSets: [] })).toBe(false);
  expect(withTag(runs, undefined)).toBeNull();
  expect([...(withTag(runs, "slow") ?? [])]).toEqual([1, 1, 0]);
  expect([...(withTag(runs, "nowhere") ?? [])]).toEqual([0, 0, 0]);
});
