import { expect, test } from "vitest";
import { longJson, readJson, shortJson } from "~/model/json";

test("what is JSON is read as the value that it is", () => {
  for (const text of ['{"a": [1, -2.5e3, true, null, "x\\n\\u00e9"]}', " [] ", "0", '""']) {
    expect(readJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
  }
});

test.each([
  ["", 1, 1, "missing"],
  ["{\n  'a': 1\n}", 2, 3, "double quotes"],
  ['{\n  "a": 1,\n}', 2, 9, "comma"],
  ['{"a" 1}', 1, 6, "colon"],
  ['{"a": }', 1, 7, "missing before }"],
  ["[1 2]", 1, 4, "comma or ]"],
  ["[1, 2", 1, 6, "comma or ]"],
  ["[True]", 1, 2, "JSON says true"],
  ["None", 1, 1, "JSON says null"],
  ["hello", 1, 1, "hello is no value"],
  ["01", 1, 1, "no value"],
  ["1.", 1, 1, "no value"],
  ['"open', 1, 1, "missing"],
  ['"a\nb"', 1, 3, "on its line"],
  ['"C:\\data"', 1, 4, "backslash"],
  ["1 2", 1, 3, "whole already"],
  ['{"id": 12345678901234567890}', 1, 8, "round"],
])("of %j it says where it is wrong, and why", (text, line, column, word) => {
  const read = readJson(text);
  expect(read).toMatchObject({ ok: false, line, column });
  expect(read.ok ? "" : read.why).toContain(word);
});

test("a long value is cut on one line, and whole where it is edited", () => {
  const value = { names: ["one", "two"] };
  expect(shortJson(value, 12)).toBe('{"names":["…');
  expect(shortJson(value)).toBe('{"names":["one","two"]}');
  expect(JSON.parse(longJson(value))).toEqual(value);
});
