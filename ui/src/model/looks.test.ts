import { expect, test } from "vitest";
import { type LimitLook, MOST_LOOKS, withLook } from "~/model/looks";

test("looks are kept for a while, each once", () => {
  let looks: readonly LimitLook[] = [];
  for (let at = 0; at < MOST_LOOKS + 5; at += 1) {
    looks = withLook(looks, { at, taken: at, waiting: 0 });
    looks = withLook(looks, { at, taken: at, waiting: 0 });
  }
  expect(looks).toHaveLength(MOST_LOOKS);
  expect([looks[0]?.at, looks.at(-1)?.at]).toEqual([5, MOST_LOOKS + 4]);
});
