import { describe, expect, test } from "vitest";
import { ago, duration, secondsFrom } from "~/model/times";

describe("durations have two figures at most", () => {
  test.each([
    [0, "0 µs"],
    [0.000_085_4, "85 µs"],
    [0.000_999_7, "1 ms"],
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

test("what took less than a millisecond is told to the microsecond", () => {
  const between = secondsFrom("2026-11-23T12:00:00.999900Z", "2026-11-23T12:00:01.000099Z");
  expect(duration(between)).toBe("199 µs");
  expect(secondsFrom("2026-11-23T12:00:00Z", "2026-11-23T12:01:00.5Z")).toBe(60.5);
});

test("times are told from now on, both ways", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  expect(ago("2026-11-23T11:59:58Z", now)).toBe("just now");
  expect(ago("2026-11-23T11:58:30Z", now)).toBe("1 m ago");
  expect(ago("2026-11-23T15:00:00Z", now)).toBe("in 3 h");
});
