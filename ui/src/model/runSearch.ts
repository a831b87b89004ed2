/** What the address of a flow run's page says: the tab, what is selected, unfolded and sought. */

import { isStateType, type StateType } from "~/model/states";

export const RUN_TABS = [
  "timeline",
  "graph",
  "task-runs",
  "logs",
  "subflows",
  "results",
  "parameters",
  "states",
  "details",
] as const;
export type RunTab = (typeof RUN_TABS)[number];

export interface RunSearch {
  /** Left out for the first one. */
  readonly tab?: RunTab | undefined;
  /** The id of the selected task run. */
  readonly run?: string | undefined;
  /** The names of the tasks that are unfolded. */
  readonly open?: readonly string[] | undefined;
  /** Whether the graph has a box for each run. */
  readonly each?: boolean | undefined;
  /** A tag that shown runs have. */
  readonly tag?: string | undefined;
  readonly type?: StateType | undefined;
  readonly name?: string | undefined;
  readonly text?: string | undefined;
  readonly level?: number | undefined;
  readonly task?: string | undefined;
  /** The time from which on lines are shown. */
  readonly at?: string | undefined;
}

export function runSearchOf(given: Readonly<Record<string, unknown>>): RunSearch {
  const tab = RUN_TABS.find((one) => one === given.tab);
  const type = textOf(given.type);
  const level = Number(given.level);
  const open = Array.isArray(given.open) ? given.open.map(String) : [];
  return {
    tab: tab === "timeline" ? undefined : tab,
    run: textOf(given.run),
    open: open.length > 0 ? open : undefined,
    each: given.each === true ? true : undefined,
    tag: textOf(given.tag),
    type: type !== undefined && isStateType(type) ? type : undefined,
    name: textOf(given.name),
    text: textOf(given.text),
    level: level > 0 ? level : undefined,
    task: textOf(given.task),
    at: textOf(given.at),
  };
}

function textOf(value: unknown): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : String(value);
}
