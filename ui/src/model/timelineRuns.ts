/** The task runs of a flow run as the server sends them, put together as columns of numbers. */

import type { TimelinePage } from "~/api/shapes";
import { isStateType, STATE_TYPES, type StateType } from "~/model/states";
import type { RunColumns } from "~/model/timeline";

/** Times are seconds after `origin` (milliseconds since 1970); the same place is the same run. */
export interface TimelineRuns {
  readonly origin: number;
  readonly columns: RunColumns;
  readonly ids: readonly string[];
  readonly names: readonly string[];
  readonly stateNames: readonly string[];
  /** Whether these are all that there were when they were read. */
  readonly isWhole: boolean;
}

const NONE: TimelineRuns = {
  origin: 0,
  columns: {
    taskNames: [],
    task: new Uint32Array(),
    created: new Float64Array(),
    start: new Float64Array(),
    end: new Float64Array(),
    state: new Uint8Array(),
  },
  ids: [],
  names: [],
  stateNames: [],
  isWhole: true,
};

export function timelineRuns(pages: readonly TimelinePage[]): TimelineRuns {
  const first = pages[0];
  if (first === undefined) return NONE;
  const size = pages.reduce((sum, page) => sum + page.ids.length, 0);
  const columns = {
    task: new Uint32Array(size),
    created: new Float64Array(size),
    start: new Float64Array(size),
    end: new Float64Array(size),
    state: new Uint8Array(size),
  };
  const tasks = new Map<string, number>();
  const ids: string[] = [];
  const names: string[] = [];
  const stateNames: string[] = [];
  for (const page of pages) {
    const taskOf = page.names.map((name) => placeOf(tasks, name));
    const typeOf = page.states.map(({ type }) => STATE_TYPES.indexOf(known(type)));
    for (let at = 0; at < page.ids.length; at += 1) {
      const run = ids.length;
      const task = page.of[at] as number;
      const state = page.state[at] as number;
      columns.task[run] = taskOf[task] as number;
      columns.created[run] = (page.created[at] as number) / 1000;
      columns.start[run] = secondsOf(page.started[at]);
      columns.end[run] = secondsOf(page.ended[at]);
      columns.state[run] = typeOf[state] as number;
      ids.push(page.ids[at] as string);
      names.push(page.titles[at] ?? page.names[task] ?? "");
      stateNames.push(page.states[state]?.name ?? "");
    }
  }
  const origin = Date.parse(first.origin);
  const isWhole = pages.at(-1)?.next === null;
  const all = { ...columns, taskNames: [...tasks.keys()] };
  return { origin, columns: all, ids, names, stateNames, isWhole };
}

/** The type of a run's state. */
export function typeOf(columns: RunColumns, run: number): StateType {
  return STATE_TYPES[columns.state[run] as number] ?? "PENDING";
}

function known(type: string): StateType {
  return isStateType(type) ? type : "PENDING";
}

function placeOf(places: Map<string, number>, name: string): number {
  const found = places.get(name) ?? places.size;
  places.set(name, found);
  return found;
}

function secondsOf(milliseconds: number | null | undefined): number {
  return milliseconds === null || milliseconds === undefined ? Number.NaN : milliseconds / 1000;
}
