import { expect, test } from "vitest";
import type { TimelinePage } from "~/api/shapes";
import { settled, timelineRuns, typeOf, withSubflows } from "~/model/timelineRuns";

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
