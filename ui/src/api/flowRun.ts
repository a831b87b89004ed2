import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "~/api/client";
import type { FlowRun, FlowRunPage, StateWanted } from "~/api/shapes";

/** A flow run with what belongs to it. */
export function flowRun(id: string) {
  return queryOptions({
    queryKey: ["flow-run", id],
    queryFn: ({ signal }) => get<FlowRun>(`/flow-runs/${id}`, {}, signal),
  });
}

/** The flow runs that a flow run called, the newest first, page by page. */
export function subflowRuns(parent: string) {
  return infiniteQueryOptions({
    queryKey: ["subflows", parent],
    queryFn: ({ pageParam, signal }) => {
      const query = { parent_flow_run: parent, limit: 100, cursor: pageParam };
      return get<FlowRunPage>("/flow-runs", query, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

export function cancelFlowRun(id: string): Promise<{ is_cancelled: boolean }> {
  return post(`/flow-runs/${id}/cancel`);
}

export function deleteFlowRun(id: string): Promise<{ runs: number }> {
  return remove(`/flow-runs/${id}`);
}

export function setFlowRunState(id: string, wanted: StateWanted): Promise<FlowRun> {
  return post(`/flow-runs/${id}/state`, wanted);
}

/** Say that somebody looked at how a flow run ended. */
export function markFlowRunSeen(id: string): Promise<unknown> {
  return post("/flow-runs/seen", { ids: [id], is_seen: true });
}
