import { expect, test } from "vitest";
import { bytesText } from "~/model/bytes";

test("a size is told in the unit that makes it short", () => {
  expect([0, 512, 1024, 4_404_019, 3e12].map(bytesText)).toEqual([
    "0 bytes",
    "512 bytes",
    "1.0 KiB",
    "4.2 MiB",
    "2.7 TiB",
  ]);
});
