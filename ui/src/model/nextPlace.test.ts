import { expect, test } from "vitest";
import { nextPlace } from "~/model/nextPlace";

test("a login goes on where it was asked for", () => {
  expect(nextPlace("/runs/0198?tab=logs")).toBe("/runs/0198?tab=logs");
});

test.each([
  "//evil.example",
  "/\\evil.example",
  "https://evil.example",
  "javascript:alert(1)",
  "",
  7,
])("a login never leads to another site: %s", (asked) => {
  expect(nextPlace(asked)).toBe("/");
});
