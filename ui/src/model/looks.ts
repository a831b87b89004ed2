/** What was seen of a limit while it was looked at. */

export interface LimitLook {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly taken: number;
  readonly waiting: number;
}

export const MOST_LOOKS = 120; // two minutes, at one a second

/** The looks with one more at their end, the oldest left out where they are too many. */
export function withLook(looks: readonly LimitLook[], look: LimitLook): readonly LimitLook[] {
  if (looks.at(-1)?.at === look.at) return looks;
  return [...looks, look].slice(-MOST_LOOKS);
}
