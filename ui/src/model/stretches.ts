/** The states that a run was in as stretches of time. */

import { secondsFrom } from "~/model/times";

export interface Passed {
  readonly type: string;
  readonly name: string;
  readonly at: string;
  readonly message: string | null;
}

/** One state, from a moment to the next; the last one of a run that is over has no length. */
export interface Stretch {
  readonly state: Passed;
  /** Null for the state in which the run stays. */
  readonly seconds: number | null;
}

/** `now` in milliseconds since 1970, at which the last state of an open run is measured. */
export function stretchesOf(
  states: readonly Passed[],
  isOpen: boolean,
  now: number,
): readonly Stretch[] {
  return states.map((state, place) => {
    const next = states[place + 1];
    if (next) return { state, seconds: Math.max(0, secondsFrom(state.at, next.at)) };
    const seconds = Math.max(0, now - Date.parse(state.at)) / 1000;
    return { state, seconds: isOpen ? seconds : null };
  });
}
