/** Which run holds a slot or waits for one, read from the words and the id that a limit keeps. */

export interface LimitRun {
  readonly kind: "flow" | "task";
  readonly name: string;
  /** Null where only the name is known, as of processes on the server's machine. */
  readonly id: string | null;
}

const LABEL = /^(flow|task) run (.+)$/s;

/** The run of a holder or waiter; null where it is none, or somebody gave other words. */
export function limitRunOf(label: string, id: string | null): LimitRun | null {
  const found = LABEL.exec(label);
  if (!found) return null;
  return { kind: found[1] === "flow" ? "flow" : "task", name: found[2] as string, id };
}

/** "3 of 5", or of a rate what is used up: "4.2 of 10". */
export function takenText(limit: {
  readonly limit: number;
  readonly used: number;
  readonly level: number;
  readonly slot_decay_per_second: number;
}): string {
  const taken = takenOf(limit);
  const shown = Number.isInteger(taken) ? taken.toLocaleString("en") : taken.toFixed(1);
  return `${shown} of ${limit.limit.toLocaleString("en")}`;
}

/** How many slots are taken: those that are held, and of a rate what is used up. */
export function takenOf(limit: {
  readonly used: number;
  readonly level: number;
  readonly slot_decay_per_second: number;
}): number {
  return limit.slot_decay_per_second > 0 ? Math.max(limit.used, limit.level) : limit.used;
}

interface WaiterGiven {
  readonly position: number;
  readonly label: string;
  readonly host: string;
  readonly pid: number | null;
  readonly run: string | null;
}

/** Places in a queue: one that is known by its words, or several of one process that are not. */
export interface Place extends WaiterGiven {
  readonly last: number;
}

/** A queue to read: of processes that do not tell who waits, their places are told together. */
export function placesOf(waiters: readonly WaiterGiven[]): Place[] {
  const places: Place[] = [];
  for (const one of waiters) {
    const before = places.at(-1);
    const isSame =
      before && !before.label && !one.label && before.pid === one.pid && before.host === one.host;
    if (isSame) places[places.length - 1] = { ...before, last: one.position };
    else places.push({ ...one, last: one.position });
  }
  return places;
}
