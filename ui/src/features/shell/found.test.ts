import { expect, test } from "vitest";
import { pagesNamed } from "~/features/shell/found";

test("pages are found by how their names begin, in any case", () => {
  expect(pagesNamed("LIM").map(({ href }) => href)).toEqual(["/limits"]);
  expect(pagesNamed("imits")).toEqual([]);
});
