import { infiniteQueryOptions } from "@tanstack/react-query";
import { get, type Query } from "~/api/client";
import type { FlowRunPage } from "~/api/shapes";

/** Flow runs that fit a filter, the newest first, page by page. */
export function flowRuns(filter: Query) {
  return infiniteQueryOptions({
    queryKey: ["flow-runs", filter],
    queryFn: ({ pageParam, signal }) =>
      get<FlowRunPage>("/flow-runs", { ...filter, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}
