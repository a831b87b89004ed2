import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "~/api/client";
import type { FlowRun, StateWanted } from "~/api/shapes";

/** A flow run with what belongs to it. */
export function flowRun(id: string) {
  return queryOptions({
    queryKey: ["flow-run", id],
    queryFn: ({ signal }) => get<FlowRun>(`/flow-runs/${id}`, {}, signal),
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
