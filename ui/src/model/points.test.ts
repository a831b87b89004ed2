import { expect, test } from "vitest";
import { durationTicks, pointsOf, rangeOf } from "~/model/points";

const at = (second: number) => new Date(second * 1000).toISOString();

test("what goes on lasts until now, what never started is no point, the oldest comes first", () => {
  const runs = [
    { created: at(200), started: at(200), ended: null },
    { created: at(150), started: null, ended: null },
    { created: at(90), started: at(100), ended: at(110) },
  ];
  const found = pointsOf(runs, 300_000);
  expect(found.map(({ x }) => x)).toEqual([90, 200]);
  expect(found.map(({ y }) => y)).toEqual([1, 2]);
});

test("a run that took no time has a place on a logarithmic axis", () => {
  const [point] = pointsOf([{ created: at(1), started: at(1), ended: at(1) }], 0);
  expect(point?.y).toBe(-3);
});

test("an axis holds its points with room, a decade at least, and ticks that people count in", () => {
  const [least, most] = rangeOf([1, 1]);
  expect(most - least).toBeGreaterThan(1);
  expect(least).toBeLessThan(1);
  expect(durationTicks(0.5, 2).map((one) => Math.round(10 ** one))).toEqual([10, 60]);
  expect(rangeOf([])).toHaveLength(2);
});
