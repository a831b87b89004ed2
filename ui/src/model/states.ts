/** The states of runs: what each type is called, drawn with, and which belong together. */

export const STATE_TYPES = [
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "CRASHED",
  "PAUSED",
  "CANCELLING",
] as const;

export type StateType = (typeof STATE_TYPES)[number];

/** `tone` names the colours in tokens.css: `var(--<tone>)` fills, `var(--<tone>-text)` writes. */
export interface StateLook {
  readonly name: string;
  readonly tone: string;
}

export const LOOKS = {
  SCHEDULED: { name: "Scheduled", tone: "scheduled" },
  PENDING: { name: "Pending", tone: "pending" },
  RUNNING: { name: "Running", tone: "running" },
  COMPLETED: { name: "Completed", tone: "completed" },
  FAILED: { name: "Failed", tone: "failed" },
  CANCELLED: { name: "Cancelled", tone: "cancelled" },
  CRASHED: { name: "Crashed", tone: "crashed" },
  PAUSED: { name: "Paused", tone: "paused" },
  CANCELLING: { name: "Cancelling", tone: "cancelling" },
} as const satisfies Record<StateType, StateLook>;

/** What went wrong comes first, then what runs, then what is over: the order of every legend. */
export const WORST_FIRST: readonly StateType[] = [
  "CRASHED",
  "FAILED",
  "CANCELLING",
  "RUNNING",
  "PAUSED",
  "PENDING",
  "SCHEDULED",
  "CANCELLED",
  "COMPLETED",
];

export const BAD: ReadonlySet<StateType> = new Set(["FAILED", "CRASHED"]);
export const OVER: ReadonlySet<StateType> = new Set([
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "CRASHED",
]);

/** Whether a run in this state is over; one that is NotReady waited for what never came. */
export function isOver({ type, name }: { readonly type: string; readonly name: string }): boolean {
  return (OVER as ReadonlySet<string>).has(type) || (type === "PENDING" && name === "NotReady");
}

/** Whether a word from elsewhere names a state type of ours. */
export function isStateType(word: string): word is StateType {
  return (STATE_TYPES as readonly string[]).includes(word);
}

/** How a state is drawn; one of a newer server that we do not know looks like a pending one. */
export function lookOf(type: string): StateLook {
  return isStateType(type) ? LOOKS[type] : LOOKS.PENDING;
}
