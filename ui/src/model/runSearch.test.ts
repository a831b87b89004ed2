import { expect, test } from "vitest";
import { runSearchOf } from "~/model/runSearch";

test("what an address says wrongly is as if it said nothing", () => {
  expect(runSearchOf({ tab: "nonsense", type: "WHAT", level: "x", open: "a" })).toEqual(
    runSearchOf({}),
  );
});

test("what it says rightly is kept, numbers as texts where texts are meant", () => {
  expect(
    runSearchOf({ tab: "logs", name: 12, open: ["parse"], type: "FAILED", level: "40" }),
  ).toMatchObject({ tab: "logs", name: "12", open: ["parse"], type: "FAILED", level: 40 });
});
