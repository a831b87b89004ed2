import { expect, test } from "vitest";
import { artifactTable, cellText } from "~/model/artifactTable";

test("a list of dicts has the columns of all of them", () => {
  const found = artifactTable('[{"a": 1, "b": "x"}, {"a": 2, "c": null}]');
  expect(found?.columns).toEqual(["a", "b", "c"]);
  expect(found?.rows).toEqual([
    [1, "x", undefined],
    [2, undefined, null],
  ]);
  expect(found?.isNumeric).toEqual([true, false, false]);
});

test("a dict of lists is turned, however long its lists are", () => {
  const found = artifactTable('{"a": [1, 2], "b": ["x"]}');
  expect(found?.rows).toEqual([
    [1, "x"],
    [2, undefined],
  ]);
});

test("a list of lists has no names of columns", () => {
  expect(artifactTable("[[1, 2], [3]]")).toEqual({
    columns: [],
    rows: [[1, 2], [3]],
    isNumeric: [true, true],
  });
});

test("what is no table is none", () => {
  for (const data of ["[1, 2]", '{"a": 1}', '"x"', "null", '[{"a": 1', "<b>"]) {
    expect(artifactTable(data)).toBeNull();
  }
});

test("cells show texts as they are and the rest as JSON", () => {
  expect(["<b>", null, 1.5, true, { a: [1] }].map(cellText)).toEqual([
    "<b>",
    "",
    "1.5",
    "true",
    '{"a":[1]}',
  ]);
});
