import { expect, test } from "vitest";
import { homeSearchOf } from "~/model/homeSearch";

test("the home page looks back a day unless the address says a stretch that it knows", () => {
  expect(homeSearchOf({ hours: 168 }).hours).toBe(168);
  expect(homeSearchOf({ hours: "720" }).hours).toBe(720);
  for (const hours of [24, 5, "x", undefined])
    expect(homeSearchOf({ hours }).hours).toBe(undefined);
});
