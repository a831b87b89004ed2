import { expect, test } from "vitest";
import { stretchesOf } from "~/model/stretches";

const state = (name: string, at: string) => ({ type: name.toUpperCase(), name, at, message: null });
const STATES = [
  state("Pending", "2026-01-01T00:00:00Z"),
  state("Running", "2026-01-01T00:00:00Z"),
  state("Completed", "2026-01-01T00:00:02.500Z"),
];

test("a state lasts until the next one, the last state of an ended run has no length", () => {
  const seconds = stretchesOf(STATES, false, Date.parse("2026-01-02T00:00:00Z"));
  expect(seconds.map((one) => one.seconds)).toEqual([0, 2.5, null]);
});

test("the last state of an open run lasts until now, never less than nothing", () => {
  const open = STATES.slice(0, 2);
  const at = (now: string) => stretchesOf(open, true, Date.parse(now)).at(-1)?.seconds;
  expect(at("2026-01-01T00:00:04Z")).toBe(4);
  expect(at("2025-12-31T23:59:59Z")).toBe(0);
});
