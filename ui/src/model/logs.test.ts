import { describe, expect, test } from "vitest";
import { attemptErrorIn, errorIn, levelName, piecesOf, tracebackIn, wordsOf } from "~/model/logs";

test("a search marks its words and phrases, not what it leaves out", () => {
  expect(wordsOf('Refused "the batch" -retry -"a b" ""')).toEqual(["refused", "the batch"]);
});

describe("pieces together are the text", () => {
  test.each([
    ["The batch: the batch", ["the batch"], ["The batch", "the batch"]],
    ["aaa", ["aa"], ["aa"]],
    ["page 13", ["pa", "page"], ["page"]],
    ["nothing here", ["x"], []],
    ["İstanbul page", ["page"], []],
    ["", ["x"], []],
  ])("%s searched for %s", (text, words, hits) => {
    const pieces = piecesOf(text, words);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    expect(pieces.filter(({ hit }) => hit).map((piece) => piece.text)).toEqual(hits);
  });
});

test("levels between two named ones are called as the lower one", () => {
  expect([5, 10, 25, 30, 45, 50].map(levelName)).toEqual([
    "NOTSET",
    "DEBUG",
    "INFO",
    "WARNING",
    "ERROR",
    "CRITICAL",
  ]);
});

test("a traceback is what begins with its first line", () => {
  const traceback = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: x';
  expect(tracebackIn(`Task run failed\n${traceback}`)).toBe(traceback);
  expect(tracebackIn("Finished in state Failed")).toBeNull();
});

test("of a state's message the error is what is read", () => {
  expect(errorIn("Task run encountered an exception ValueError: x")).toBe("ValueError: x");
  expect(errorIn("Flow run encountered an exception: ValueError: x")).toBe("ValueError: x");
  expect(errorIn(null)).toBe("");
});

test("the error of an attempt is told without what is to come of it", () => {
  const line =
    "Task run failed with exception: ValueError('a - b') - Retry 1/2 will start 3 s from now";
  expect(attemptErrorIn(line)).toBe("ValueError('a - b')");
  const last =
    "Task run failed with exception: ValueError() - Retries are exhausted\nTraceback (most recent call last):\n  x";
  expect(attemptErrorIn(last)).toBe("ValueError()");
  expect(attemptErrorIn("something else")).toBe("something else");
});
