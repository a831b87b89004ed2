import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, post, type Query } from "~/api/client";
import type { FlowRunItem, Outcomes, TaskRunItem, TaskRunPage } from "~/api/shapes";
import { queryOf, type RunFilter } from "~/model/filters";

export type RunItem = FlowRunItem | TaskRunItem;

/** Flow runs or task runs; `searched_to` is set where fewer came than asked for, and more may. */
export interface RunsPage {
  readonly items: readonly RunItem[];
  readonly next: string | null;
  readonly searched_to: string | null;
}

/** How many runs a page has; one before others may grow to twice as many when it is read anew. */
export const AT_ONCE = 100;
export const POINTS = 1_000;

/** One page of the runs that fit a filter, the newest first; a span reaches back from `now`. */
export function runsPage(
  filter: RunFilter,
  cursor: string | null,
  limit: number,
  signal?: AbortSignal,
  now = Date.now(),
): Promise<RunsPage> {
  const query = { ...queryOf(filter, now), limit, cursor };
  return get<RunsPage>(pathOf(filter), query, signal);
}

/** Runs that fit a filter, page by page; they change by `withPage`, not by being read all anew. */
export function runsList(filter: RunFilter) {
  return infiniteQueryOptions({
    queryKey: ["runs", filter],
    queryFn: ({ pageParam, signal }) => runsPage(filter, pageParam, AT_ONCE, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 10_000,
  });
}

/** The newest runs that fit, as many as a plot shows. */
export function runPoints(filter: RunFilter) {
  return queryOptions({
    queryKey: ["run-points", filter],
    queryFn: ({ signal }) => runsPage(filter, null, POINTS, signal),
    gcTime: 10_000,
  });
}

/** Runs to act on: by their ids, or all that fit a filter. */
export type Meant = { readonly ids: readonly string[] } | { readonly filter: Query };
export type Act = "cancel" | "delete" | "seen";

/** Do something to flow runs; with a filter an answer covers a part, and says where to go on. */
export function actOnFlowRuns(act: Act, meant: Meant, cursor: string | null): Promise<Outcomes> {
  const body = "ids" in meant ? meant : { ...meant, cursor, limit: AT_ONCE };
  return post<Outcomes>(`/flow-runs/${act}`, body);
}

/** A page of the task runs that fit what the server is asked, the newest first. */
export function taskRunsThatFit(filter: Query, cursor: string | null): Promise<TaskRunPage> {
  return get<TaskRunPage>("/task-runs", { ...filter, cursor, limit: AT_ONCE });
}

/** Ask the process of a task run to cancel it. */
export function cancelTaskRun(id: string): Promise<{ is_cancelled: boolean }> {
  return post(`/task-runs/${id}/cancel`);
}

function pathOf(filter: RunFilter): string {
  return filter.kind === "task" ? "/task-runs" : "/flow-runs";
}
