/** What a search found as places to go to. */

import type { Found } from "~/api/search";
import { PLACES } from "~/features/shell/places";
import type { Place } from "~/model/recent";

/** What a run's line shows besides its name. */
export interface FoundRun {
  readonly state: { readonly type: string; readonly name: string };
  readonly at: string;
}

/** Flows and tasks first: they are few; then runs, the newest first. */
export function foundPlaces(found: Found): readonly (Place & Partial<FoundRun>)[] {
  return [
    ...found.flows.map(({ name, last }) => ({
      href: `/flows/${encodeURIComponent(name)}`,
      name,
      kind: "Flow",
      at: last?.created,
      state: last?.state,
    })),
    ...found.tasks.map(({ name, last }) => ({
      href: `/tasks/${encodeURIComponent(name)}`,
      name,
      kind: "Task",
      at: last?.created,
      state: last?.state,
    })),
    ...found.flowRuns.map((run) => ({
      href: `/runs/${run.id}`,
      name: run.name,
      kind: "Flow run",
      of: run.flow,
      at: run.created,
      state: run.state,
    })),
    ...found.taskRuns.map((run) => ({
      href: `/task-runs/${run.id}`,
      name: run.name,
      kind: "Task run",
      of: run.flow_run_name ? `${run.task} of ${run.flow_run_name}` : run.task,
      at: run.created,
      state: run.state,
    })),
  ].map(({ at, state, ...place }) => (at && state ? { ...place, at, state } : place));
}

/** The pages whose name begins with a text. */
export function pagesNamed(text: string): readonly Place[] {
  const begin = text.toLowerCase();
  return PLACES.filter(({ name }) => name.toLowerCase().startsWith(begin)).map(({ to, name }) => ({
    href: to,
    name,
    kind: "Page",
  }));
}
