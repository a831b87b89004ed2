import type { Scope } from "~/api/tokens";

/** What the holder of a token may do. */
export const MAY = {
  read: "Look at everything but settings and tokens.",
  run: "Also report runs, cancel and delete them, and set variables.",
  admin: "Everything: also limits, settings and tokens.",
} as const satisfies Record<Scope, string>;
