/** Which runs a list shows: as an address says it, and as the server is asked for it. */

import type { Query } from "~/api/client";
import { isStateType, type StateType } from "~/model/states";

export const SPANS = ["1h", "24h", "7d", "30d"] as const;
export type Span = (typeof SPANS)[number];

export const SPAN_HOURS = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 } as const satisfies Record<
  Span,
  number
>;

/** Times are RFC 3339 texts, durations seconds; lists hold at least one text where they are there. */
export interface RunFilter {
  /** Left out for flow runs. */
  readonly kind?: "task" | undefined;
  readonly type?: readonly StateType[] | undefined;
  /** Names of states, as TimedOut. */
  readonly state?: readonly string[] | undefined;
  readonly flow?: readonly string[] | undefined;
  readonly task?: readonly string[] | undefined;
  /** Tags of which a run has all, any, none. */
  readonly tag?: readonly string[] | undefined;
  readonly any?: readonly string[] | undefined;
  readonly none?: readonly string[] | undefined;
  /** Part of a run's name. */
  readonly name?: string | undefined;
  /** Created in so long until now; it moves with the clock. */
  readonly span?: Span | undefined;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** Whether another run called it. */
  readonly parent?: boolean | undefined;
  /** Whether somebody looked at how it ended. */
  readonly seen?: boolean | undefined;
}

/** What links may give: one text where a list of one is meant. */
export type RunFilterGiven = {
  readonly [Key in keyof RunFilter]: RunFilter[Key] extends readonly string[] | undefined
    ? RunFilter[Key] | string | undefined
    : RunFilter[Key];
};

/** Read a filter from an address or a saved one; what it says wrongly is as if it said nothing. */
export function filterOf(given: Readonly<Record<string, unknown>>): RunFilter {
  const kind = given.kind === "task" ? "task" : undefined;
  const types = textsOf(given.type)?.map((one) => one.toUpperCase());
  const span = SPANS.find((one) => one === given.span);
  return {
    kind,
    type: someOf(types?.filter(isStateType)),
    state: textsOf(given.state),
    flow: textsOf(given.flow),
    task: kind === "task" ? textsOf(given.task) : undefined,
    tag: textsOf(given.tag),
    any: textsOf(given.any),
    none: textsOf(given.none),
    name: textOf(given.name),
    span,
    after: span ? undefined : timeOf(given.after),
    before: span ? undefined : timeOf(given.before),
    min: secondsGiven(given.min),
    max: secondsGiven(given.max),
    parent: yesOrNo(given.parent),
    seen: kind === "task" ? undefined : yesOrNo(given.seen),
  };
}

/** What the server is asked for; `now` (milliseconds) is what a span reaches back from. */
export function queryOf(filter: RunFilter, now: number): Query {
  const since = filter.span ? now - SPAN_HOURS[filter.span] * 3_600_000 : null;
  const query: Record<string, Query[string]> = {
    state_type: filter.type,
    state: filter.state,
    flow: filter.flow,
    task: filter.task,
    tag: filter.tag,
    any_tag: filter.any,
    no_tag: filter.none,
    name: filter.name,
    created_after: since === null ? filter.after : new Date(since).toISOString(),
    created_before: filter.before,
    min_seconds: filter.min,
    max_seconds: filter.max,
    has_parent: filter.parent,
    is_seen: filter.seen,
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

/** The filter without what is left out: how it is saved, and how two are compared. */
export function savedOf(filter: RunFilter): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(filter).filter(([key, value]) => value !== undefined && key !== "kind"),
  );
}

/** Whether it narrows anything; which runs (flow or task) are listed is no filter. */
export function isNarrow(filter: RunFilter): boolean {
  return Object.keys(savedOf(filter)).length > 0;
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of "90", "1.5 m" or "2h 5m"; null where it is no duration. */
export function secondsOf(text: string): number | null {
  const words = text.trim().toLowerCase();
  if (!/^(\d+(\.\d+)?\s*(ms|s|m|h|d)?\s*)+$/.test(words)) return null;
  let sum = 0;
  for (const [, number, unit] of words.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?/g)) {
    sum += Number(number) * (UNITS[unit ?? "s"] ?? 1);
  }
  return sum;
}

function textsOf(value: unknown): readonly string[] | undefined {
  const given = Array.isArray(value) ? value : [value];
  return someOf([...new Set(given.map(textOf).filter((one) => one !== undefined))]);
}

function someOf<Item>(list: readonly Item[] | undefined): readonly Item[] | undefined {
  return list && list.length > 0 ? list : undefined;
}

function textOf(value: unknown): string | undefined {
  const isText = typeof value === "string" || typeof value === "number";
  return isText && value !== "" ? String(value) : undefined;
}

function timeOf(value: unknown): string | undefined {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

function secondsGiven(value: unknown): number | undefined {
  const seconds = Number(value);
  const isGiven = value !== undefined && value !== null && value !== "";
  return isGiven && seconds >= 0 && seconds <= 1e9 ? seconds : undefined;
}

function yesOrNo(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}
