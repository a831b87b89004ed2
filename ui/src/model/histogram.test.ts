import { expect, test } from "vitest";
import { barsOf, minutesOf } from "~/model/histogram";

const HOUR = 3_600;

test("hours without runs are bars too, and the first may begin before what was asked for", () => {
  const buckets = [
    { start: "2026-11-23T10:00:00.000000Z", states: [{ type: "COMPLETED", runs: 3 }] },
  ];
  const { bars, most } = barsOf(buckets, "2026-11-23T09:30:00Z", "2026-11-23T12:10:00Z", HOUR);
  expect(bars.map(({ total }) => total)).toEqual([0, 3, 0, 0]);
  expect(new Date(bars[0]?.start ?? 0).toISOString()).toBe("2026-11-23T09:00:00.000Z");
  expect(most).toBe(3);
});

test("states of one type are one part, the worst first, and what is unknown is left out", () => {
  const states = [
    { type: "COMPLETED", runs: 2 },
    { type: "FAILED", runs: 1 },
    { type: "FAILED", runs: 4 },
    { type: "CRASHED", runs: 1 },
    { type: "NEWER", runs: 9 },
  ];
  const buckets = [{ start: "2026-11-23T10:00:00Z", states }];
  const { bars } = barsOf(buckets, "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", HOUR);
  expect(bars).toHaveLength(1);
  expect(bars[0]?.parts).toEqual([
    { type: "CRASHED", runs: 1 },
    { type: "FAILED", runs: 5 },
    { type: "COMPLETED", runs: 2 },
  ]);
  expect(bars[0]).toMatchObject({ total: 8, bad: 6 });
});

test("bars of a day stand on days of UTC", () => {
  const { bars } = barsOf([], "2026-11-20T10:00:00Z", "2026-11-23T00:00:00Z", 24 * HOUR);
  expect(bars.map(({ start }) => new Date(start).getUTCHours())).toEqual([0, 0, 0]);
});

test("minutes end with the one that goes on", () => {
  const given = [
    { start: "2026-11-23T10:00:00.000000Z", runs: 5 },
    { start: "2026-11-23T10:02:00.000000Z", runs: 7 },
  ];
  expect(minutesOf(given, "2026-11-23T10:02:30Z", 4)).toEqual([0, 5, 0, 7]);
});
