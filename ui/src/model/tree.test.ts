import { expect, test } from "vitest";
import { firstUnfolded, kindOf, treeRows, valueText } from "~/model/tree";

const VALUE = { name: "a", sizes: [1, 2, 3], inner: { deep: { deeper: true } } };

test("only what is unfolded becomes rows", () => {
  expect(treeRows(VALUE, new Map()).map(({ path }) => path)).toEqual(["$"]);
  const rows = treeRows(
    VALUE,
    new Map([
      ["$", 100],
      ["$/sizes", 100],
    ]),
  );
  expect(rows.map(({ name, depth }) => [name, depth])).toEqual([
    [null, 0],
    ["name", 1],
    ["sizes", 1],
    ["0", 2],
    ["1", 2],
    ["2", 2],
    ["inner", 1],
  ]);
});

test("of a long list the first items are shown, and how many are left", () => {
  const list = Array.from({ length: 250_000 }, (_, place) => place);
  const rows = treeRows(list, new Map([["$", 100]]));
  expect(rows).toHaveLength(102);
  expect(rows.at(-1)?.rest).toBe(249_900);
});

test("a small value is unfolded in whole at first, a large one as far as it is few rows", () => {
  expect([...firstUnfolded(VALUE).keys()]).toEqual(["$", "$/sizes", "$/inner", "$/inner/deep"]);
  const large = { rows: Array.from({ length: 1_000 }, () => [1, 2]), name: "b" };
  expect([...firstUnfolded(large).keys()]).toEqual(["$"]);
});

test("a name with a slash is no way through two names", () => {
  const paths = treeRows({ "a/b": 1, a: { b: 2 } }, firstUnfolded({ "a/b": 1, a: { b: 2 } }));
  expect(new Set(paths.map(({ path }) => path)).size).toBe(paths.length);
});

test("values are told in few words", () => {
  const values = ["x", 1, null, [], [1], {}, { a: 1, b: 2, c: 3, d: 4, e: 5 }];
  expect(values.map(valueText)).toEqual([
    '"x"',
    "1",
    "null",
    "[0 items]",
    "[1 item]",
    "{}",
    "{a, b, c, d, …}",
  ]);
  expect(values.map(kindOf)).toEqual([
    "text",
    "number",
    "word",
    "list",
    "list",
    "object",
    "object",
  ]);
});
