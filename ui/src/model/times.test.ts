import { describe, expect, test } from "vitest";
import { ago, duration } from "~/model/times";

describe("durations have two figures at most", () => {
  test.each([
    [0, "0 ms"],
    [0.0123, "12 ms"],
    [0.9999, "1.0 s"],
    [59.94, "59.9 s"],
    [65, "1 m 05 s"],
    [3_600, "1 h 0 m"],
    [7_871, "2 h 11 m"],
    [90_061, "1 d 1 h"],
    [null, "–"],
  ])("%s seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

test("times are told from now on, both ways", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  expect(ago("2026-11-23T11:59:58Z", now)).toBe("just now");
  expect(ago("2026-11-23T11:58:30Z", now)).toBe("1 m ago");
  expect(ago("2026-11-23T15:00:00Z", now)).toBe("in 3 h");
});
