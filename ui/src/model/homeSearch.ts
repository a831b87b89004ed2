/** What the address of the home page says: how far it looks back. */

export const BACK = [
  { hours: 24, name: "24 hours" },
  { hours: 24 * 7, name: "7 days" },
  { hours: 24 * 30, name: "30 days" },
] as const;

export interface HomeSearch {
  /** Left out for a day. */
  readonly hours?: number | undefined;
}

export function homeSearchOf(given: Record<string, unknown>): HomeSearch {
  const hours = BACK.find((one) => one.hours === Number(given.hours))?.hours;
  return { hours: hours === BACK[0].hours ? undefined : hours };
}
