import { expect, test } from "vitest";
import { rerunCommand } from "~/model/rerun";

test("parameters come as a shell takes them, texts that look like JSON in quotes", () => {
  const command = rerunCommand("etl.py:nightly", {
    day: "2026-11-22",
    n: 500,
    number: "27",
    note: "it's <b>",
    shops: ["a", "b"],
  });
  expect(command).toBe(
    `flowstone run etl.py:nightly -p day=2026-11-22 -p n=500 -p 'number="27"' ` +
      `-p 'note=it'\\''s <b>' -p 'shops=["a","b"]'`,
  );
});

test("without an entry point there is no command", () => {
  expect(rerunCommand(null, {})).toBeNull();
});
