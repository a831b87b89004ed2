import { describe, expect, test } from "vitest";
import { filterOf, isNarrow, queryOf, savedOf, secondsOf } from "~/model/filters";

const NOW = Date.parse("2026-11-23T12:00:00Z");

test("what an address says wrongly is as if it said nothing", () => {
  const wrong = { type: ["WHAT"], span: "3y", after: "soon", min: "x", max: -1, parent: "yes" };
  expect(isNarrow(filterOf({ ...wrong, flow: [], name: "", state: null }))).toBe(false);
});

test("one text is a list of one, numbers in an address are the texts that they were", () => {
  expect(filterOf({ flow: "etl", name: 12, type: "failed", tag: ["a", "a", 7] })).toMatchObject({
    flow: ["etl"],
    name: "12",
    type: ["FAILED"],
    tag: ["a", "7"],
  });
});

test("flow runs have no task, task runs are not looked at", () => {
  expect(savedOf(filterOf({ task: "parse", seen: false }))).toEqual({ seen: false });
  expect(savedOf(filterOf({ kind: "task", task: "parse", seen: false }))).toEqual({
    task: ["parse"],
  });
});

test("a filter comes back from where it was saved", () => {
  const filter = filterOf({ any: ["a", "b"], none: "c", span: "7d", min: 0.5, parent: false });
  expect(filterOf(JSON.parse(JSON.stringify(savedOf(filter))))).toEqual(filter);
});

test("a span reaches back from now, and takes the place of fixed times", () => {
  const filter = filterOf({ span: "24h", after: "2020-01-01T00:00:00Z" });
  expect(queryOf(filter, NOW)).toEqual({ created_after: "2026-11-22T12:00:00.000Z" });
});

test("the server is asked under its own names, for nothing that was not said", () => {
  const filter = filterOf({ type: ["FAILED"], state: "TimedOut", any: "x", min: 2, parent: false });
  expect(queryOf(filter, NOW)).toEqual({
    state_type: ["FAILED"],
    state: ["TimedOut"],
    any_tag: ["x"],
    min_seconds: 2,
    has_parent: false,
  });
});

describe("durations as people write them", () => {
  test.each([
    ["90", 90],
    ["1.5 m", 90],
    ["2h 5m", 7_500],
    ["250ms", 0.25],
    ["1 d", 86_400],
    ["soon", null],
    ["", null],
    ["-3", null],
  ])("%s", (text, seconds) => {
    expect(secondsOf(text)).toBe(seconds);
  });
});
