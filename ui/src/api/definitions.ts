import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type Kind = "flow" | "task";
export type Definition = Shapes["FlowItem"] | Shapes["TaskItem"];
export type DefinitionShown = Shapes["FlowShown"] | Shapes["TaskShown"];
export type VersionShown = Shapes["VersionShown"];
export type RunsSummed = Shapes["RunsSummed"];
export type LastRun = Shapes["FlowRunItem"] | Shapes["TaskRunItem"];

interface Page<Item> {
  readonly items: Item[];
  readonly next: string | null;
}

const AT_ONCE = 60;

/** Flows or tasks by name, each with its last run and how its runs of so many days went. */
export function definitions(kind: Kind, search: string, days: number) {
  return infiniteQueryOptions({
    queryKey: ["definitions", kind, search, days],
    queryFn: ({ pageParam, signal }) => {
      const query = { search, days, limit: AT_ONCE, cursor: pageParam };
      return get<Page<Definition>>(`/${kind}s`, query, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

/** A flow or task with its versions and its last days. */
export function definition(kind: Kind, name: string, days: number) {
  return queryOptions({
    queryKey: ["definition", kind, name, days],
    queryFn: ({ signal }) =>
      get<DefinitionShown>(`/${kind}s/${encodeURIComponent(name)}`, { days }, signal),
    placeholderData: (before) => (before?.name === name ? before : undefined),
  });
}

/** The newest runs of a flow or task. */
export function newestRuns(kind: Kind, name: string, limit: number) {
  return queryOptions({
    queryKey: ["definition-runs", kind, name, limit],
    queryFn: ({ signal }) => get<Page<LastRun>>(`/${kind}-runs`, { [kind]: name, limit }, signal),
  });
}
