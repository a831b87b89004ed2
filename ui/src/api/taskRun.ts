import { queryOptions } from "@tanstack/react-query";
import { get, post } from "~/api/client";
import type { StateWanted, TaskRun, TaskRunPage } from "~/api/shapes";

/** A task run with what belongs to it. */
export function taskRun(id: string) {
  return queryOptions({
    queryKey: ["task-run", id],
    queryFn: ({ signal }) => get<TaskRun>(`/task-runs/${id}`, {}, signal),
  });
}

export function cancelTaskRun(id: string): Promise<{ is_cancelled: boolean }> {
  return post(`/task-runs/${id}/cancel`);
}

export function setTaskRunState(id: string, wanted: StateWanted): Promise<TaskRun> {
  return post(`/task-runs/${id}/state`, wanted);
}

/** The first task runs of a flow run that went wrong, in the order of their creation. */
export function badTaskRuns(flowRun: string, limit: number) {
  return queryOptions({
    queryKey: ["bad-task-runs", flowRun, limit],
    queryFn: ({ signal }) => {
      const query = {
        flow_run: flowRun,
        state_type: ["FAILED", "CRASHED"],
        order: "oldest",
        limit,
      };
      return get<TaskRunPage>("/task-runs", query, signal);
    },
  });
}
