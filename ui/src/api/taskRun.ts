import { queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { TaskRun, TaskRunPage } from "~/api/shapes";

/** A task run with what belongs to it. */
export function taskRun(id: string) {
  return queryOptions({
    queryKey: ["task-run", id],
    queryFn: ({ signal }) => get<TaskRun>(`/task-runs/${id}`, {}, signal),
  });
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
