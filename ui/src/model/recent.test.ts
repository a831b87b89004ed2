import { beforeEach, expect, test } from "vitest";
import { noteRecent, recentPlaces } from "~/model/recent";

const place = (number: number) => ({
  href: `/runs/${number}`,
  name: `${number}`,
  kind: "Flow run",
});

beforeEach(() => localStorage.clear());

test("what was opened last comes first, once, and no more than a few are kept", () => {
  for (let number = 0; number < 20; number += 1) noteRecent(place(number));
  noteRecent(place(15));
  expect(recentPlaces().map(({ name }) => name)).toEqual([
    "15",
    "19",
    "18",
    "17",
    "16",
    "14",
    "13",
    "12",
  ]);
});

test("what is damaged or leads elsewhere is as if it was not there", () => {
  localStorage.setItem("flowstone-recent", "{");
  expect(recentPlaces()).toEqual([]);
  const bad = [{ href: "//evil.example", name: "x", kind: "y" }, null, place(1)];
  localStorage.setItem("flowstone-recent", JSON.stringify(bad));
  expect(recentPlaces()).toEqual([place(1)]);
});
