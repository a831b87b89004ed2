import { expect, test } from "vitest";
import {
  artifactSearchOf,
  definitionSearchOf,
  limitSearchOf,
  variableSearchOf,
} from "~/model/listSearch";

test("an address that says nothing gives the usual", () => {
  for (const read of [artifactSearchOf, definitionSearchOf, limitSearchOf, variableSearchOf]) {
    expect(Object.values(read({})).every((value) => value === undefined)).toBe(true);
  }
});

test("what an address says wrongly is as if it said nothing", () => {
  expect(definitionSearchOf({ search: "", days: 8 })).toEqual({});
  expect(artifactSearchOf({ type: null, all: "no" })).toEqual({});
});

test("what an address says is kept, and a name of digits is a text", () => {
  expect(definitionSearchOf({ search: 42, days: "30" })).toEqual({ search: "42", days: 30 });
  expect(limitSearchOf({ prefix: "tag:", id: "a" })).toEqual({ prefix: "tag:", id: "a" });
  expect(artifactSearchOf({ type: "table", all: true })).toEqual({ type: "table", all: true });
  expect(artifactSearchOf({ search: "day" })).toEqual({ search: "day" });
  expect(variableSearchOf({ search: "db", tag: "prod" })).toEqual({ search: "db", tag: "prod" });
});
