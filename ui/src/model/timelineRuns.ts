/** The task runs of a flow run as the server sends them, put together as columns of numbers. */

import type { TimelinePage } from "~/api/shapes";
import { isStateType, STATE_TYPES, type StateType } from "~/model/states";
import type { RunColumns, Tries } from "~/model/timeline";

/** Times are seconds after `origin` (milliseconds since 1970); the same place is the same run. */
export interface TimelineRuns {
  readonly origin: number;
  readonly columns: RunColumns;
  readonly ids: readonly string[];
  readonly names: readonly string[];
  readonly stateNames: readonly string[];
  /** Of each run the place of its tags in `tagSets`. */
  readonly tags: Uint32Array;
  readonly tagSets: readonly (readonly string[])[];
  /** Whether these are all that there were when they were read. */
  readonly isWhole: boolean;
}

export function timelineRuns(pages: readonly TimelinePage[]): TimelineRuns {
  const building = new Building(pages.reduce((sum, page) => sum + page.ids.length, 0));
  for (const page of pages) building.add(page, 0, false, -1);
  const origin = Date.parse(pages[0]?.origin ?? "1970-01-01T00:00:00Z");
  return building.done(origin, pages.length === 0 || pages.at(-1)?.next === null);
}

/** The pages from the first one on in which all is over: nothing in them changes any more. */
export function settled(pages: readonly TimelinePage[]): TimelinePage[] {
  const open = pages.findIndex((page) => page.next === null || page.ended.includes(null));
  return pages.slice(0, open < 0 ? pages.length : open);
}

/** A flow run that another one called, and its runs where they are unfolded. */
export interface Subflow {
  readonly id: string;
  readonly pages: readonly TimelinePage[];
}

/** The runs of a flow run together with the flows that it called, and with what those called. */
export function withSubflows(
  own: readonly TimelinePage[],
  subflows: readonly TimelinePage[],
  unfolded: readonly Subflow[],
): TimelineRuns {
  const origin = Date.parse(own[0]?.origin ?? subflows[0]?.origin ?? "1970-01-01T00:00:00Z");
  const all = [...own, ...subflows, ...unfolded.flatMap(({ pages }) => pages)];
  const building = new Building(all.reduce((sum, page) => sum + page.ids.length, 0));
  const shiftOf = (page: TimelinePage) => (Date.parse(page.origin) - origin) / 1000;
  for (const page of own) building.add(page, 0, false, -1);
  for (const page of subflows) building.add(page, shiftOf(page), true, -1);
  for (const { id, pages } of unfolded) {
    const caller = building.placeOf(id);
    for (const page of pages) building.add(page, shiftOf(page), false, caller);
  }
  return building.done(origin, own.at(-1)?.next === null);
}

/** The type of a run's state. */
export function typeOf(columns: RunColumns, run: number): StateType {
  return STATE_TYPES[columns.state[run] as number] ?? "PENDING";
}

/** Takes pages one after the other; tasks and states of all get one numbering. */
class Building {
  private readonly task: Uint32Array;
  private readonly created: Float64Array;
  private readonly start: Float64Array;
  private readonly end: Float64Array;
  private readonly state: Uint8Array;
  private readonly parent: Int32Array;
  private readonly tags: Uint32Array;
  private readonly tries = new Map<number, Tries>();
  private readonly sets = new Map<string, number>();
  private readonly tagSets: (readonly string[])[] = [];
  private readonly tasks = new Map<string, number>();
  private readonly taskNames: string[] = [];
  private readonly isFlow: boolean[] = [];
  private readonly ids: string[] = [];
  private readonly names: string[] = [];
  private readonly stateNames: string[] = [];
  private places: Map<string, number> | null = null;

  constructor(size: number) {
    this.task = new Uint32Array(size);
    this.created = new Float64Array(size);
    this.start = new Float64Array(size);
    this.end = new Float64Array(size);
    this.state = new Uint8Array(size);
    this.parent = new Int32Array(size).fill(-1);
    this.tags = new Uint32Array(size);
  }

  /** Runs that no task called were called by the run at `caller`, -1 for the flow itself. */
  add(page: TimelinePage, shift: number, isFlow: boolean, caller: number): void {
    const taskOf = page.names.map((name) => this.numberOf(name, isFlow));
    const typeOf = page.states.map(({ type }) => STATE_TYPES.indexOf(known(type)));
    const setOf = page.tag_sets.map((tags) => this.placeOfTags(tags));
    for (const { run, attempts, turns } of page.tries) {
      const times = turns.map((at) => secondsOf(at) + shift);
      this.tries.set(this.ids.length + run, { attempts, turns: times });
    }
    for (let at = 0; at < page.ids.length; at += 1) {
      const run = this.ids.length;
      const task = page.of[at] as number;
      const state = page.state[at] as number;
      this.task[run] = taskOf[task] as number;
      this.created[run] = (page.created[at] as number) / 1_000_000 + shift;
      this.start[run] = secondsOf(page.started[at]) + shift;
      this.end[run] = secondsOf(page.ended[at]) + shift;
      this.state[run] = typeOf[state] as number;
      const parent = page.parent[at];
      this.parent[run] = parent ? this.placeOf(parent) : caller;
      this.tags[run] = setOf[page.tags[at] as number] as number;
      this.ids.push(page.ids[at] as string);
      this.places?.set(page.ids[at] as string, run);
      this.names.push(page.titles[at] ?? page.names[task] ?? "");
      this.stateNames.push(page.states[state]?.name ?? "");
    }
  }

  /** The place of a run, -1 where it is not there. Few flows have nested runs: made when asked. */
  placeOf(id: string): number {
    this.places ??= new Map(this.ids.map((one, place) => [one, place]));
    return this.places.get(id) ?? -1;
  }

  done(origin: number, isWhole: boolean): TimelineRuns {
    const { taskNames, isFlow, task, created, start, end, state, parent, tries } = this;
    const columns = { taskNames, isFlow, task, created, start, end, state, parent, tries };
    const { ids, names, stateNames, tags, tagSets } = this;
    return { origin, columns, ids, names, stateNames, tags, tagSets, isWhole };
  }

  private placeOfTags(tags: readonly string[]): number {
    const key = JSON.stringify(tags);
    const found = this.sets.get(key) ?? this.tagSets.push(tags) - 1;
    this.sets.set(key, found);
    return found;
  }

  private numberOf(name: string, isFlow: boolean): number {
    const key = `${isFlow ? "flow" : "task"} ${name}`;
    const found = this.tasks.get(key);
    if (found !== undefined) return found;
    this.tasks.set(key, this.taskNames.length);
    this.isFlow.push(isFlow);
    return this.taskNames.push(name) - 1;
  }
}

function known(type: string): StateType {
  return isStateType(type) ? type : "PENDING";
}

function secondsOf(microseconds: number | null | undefined): number {
  return microseconds === null || microseconds === undefined
    ? Number.NaN
    : microseconds / 1_000_000;
}
