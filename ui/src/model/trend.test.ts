import { expect, test } from "vitest";
import { badOf, knownDays, percent, wholeDays } from "~/model/trend";

const NOW = Date.parse("2026-11-23T04:30:00Z");
const ran = (day: string, states: { type: string; runs: number }[]) => ({
  day,
  runs: states.reduce((sum, one) => sum + one.runs, 0),
  p50_seconds: 1.5,
  p95_seconds: 4,
  states,
});

test("days without runs stand between those with some, and today is the last", () => {
  const given = [
    ran("2026-11-21T00:00:00.000000Z", [{ type: "COMPLETED", runs: 3 }]),
    ran("2026-11-23T00:00:00.000000Z", [{ type: "COMPLETED", runs: 1 }]),
  ];
  const days = wholeDays(given, 4, NOW);
  expect(days.map((day) => day.runs)).toEqual([0, 3, 0, 1]);
  expect(days.map((day) => day.p50)).toEqual([null, 1.5, null, 1.5]);
  expect(new Date((days[3]?.at ?? 0) * 1000).toISOString()).toBe("2026-11-23T00:00:00.000Z");
});

test("days before the first run are cut, but a week stays", () => {
  const first = ran("2026-11-03T00:00:00Z", [{ type: "COMPLETED", runs: 1 }]);
  const last = ran("2026-11-23T00:00:00Z", [{ type: "COMPLETED", runs: 1 }]);
  expect(knownDays(wholeDays([first, last], 31, NOW))).toHaveLength(21);
  expect(knownDays(wholeDays([last], 31, NOW))).toHaveLength(8);
  expect(knownDays(wholeDays([], 2, NOW))).toHaveLength(2);
});

test("days before the first one are left out", () => {
  const given = [ran("2026-10-01T00:00:00.000000Z", [{ type: "COMPLETED", runs: 3 }])];
  expect(wholeDays(given, 7, NOW).every((day) => day.runs === 0)).toBe(true);
});

test("states of one type are added up, and what went wrong comes first", () => {
  const states = [
    { type: "COMPLETED", runs: 2 },
    { type: "FAILED", runs: 1 },
    { type: "COMPLETED", runs: 5 },
    { type: "CRASHED", runs: 1 },
  ];
  const [day] = wholeDays([ran("2026-11-23T00:00:00Z", states)], 1, NOW);
  expect(day?.states).toEqual([
    { type: "CRASHED", runs: 1 },
    { type: "FAILED", runs: 1 },
    { type: "COMPLETED", runs: 7 },
  ]);
  expect(day && badOf(day)).toBe(2);
});

test("a share is never rounded to nothing or to all", () => {
  expect([null, 0, 0.0004, 0.034, 0.62, 0.9996, 1].map(percent)).toEqual([
    "–",
    "0 %",
    "< 0.1 %",
    "3.4 %",
    "62 %",
    "> 99.9 %",
    "100 %",
  ]);
});
