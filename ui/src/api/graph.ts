import { queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { RunGraph, UnfoldedGroup } from "~/api/shapes";

/** How many runs of a task a graph shows one by one. */
export const UNFOLDED = 1_000;

/** What a flow run called and whose results each takes: runs, or tasks where there are many. */
export function graph(flowRun: string) {
  return queryOptions({
    queryKey: ["graph", flowRun],
    queryFn: ({ signal }) => get<RunGraph>(`/flow-runs/${flowRun}/graph`, {}, signal),
    staleTime: 10_000,
  });
}

/** The first runs of a task in a graph of tasks. */
export function unfoldedGroup(flowRun: string, group: string) {
  return queryOptions({
    queryKey: ["graph", flowRun, group],
    queryFn: ({ signal }) =>
      get<UnfoldedGroup>(`/flow-runs/${flowRun}/graph/${group}`, { limit: UNFOLDED }, signal),
    staleTime: 10_000,
  });
}
