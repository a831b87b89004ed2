import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ApiError, get } from "~/api/client";
import type { FlowPage, FlowRun, FlowRunPage, TaskPage, TaskRun, TaskRunPage } from "~/api/shapes";

/** What a search found; of an id there is one run at most. */
export interface Found {
  readonly flows: FlowPage["items"];
  readonly tasks: TaskPage["items"];
  readonly flowRuns: FlowRunPage["items"];
  readonly taskRuns: TaskRunPage["items"];
}

const EACH = 6;
const ID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

/** Whether a text is an id, not a part of a name. */
export function isId(text: string): boolean {
  return ID.test(text.trim());
}

/** Flows, tasks and runs with a text in their names, or the run of an id. */
export function search(text: string) {
  const sought = text.trim();
  return queryOptions({
    queryKey: ["search", sought],
    queryFn: ({ signal }) => (isId(sought) ? byId(sought, signal) : byName(sought, signal)),
    enabled: sought !== "",
    placeholderData: keepPreviousData,
  });
}

/** Names of flows or tasks that hold a text, for fields that complete them. */
export function definitionNames(kind: "flows" | "tasks", text: string) {
  return queryOptions({
    queryKey: ["definition-names", kind, text],
    queryFn: async ({ signal }) => {
      const query = { search: text, limit: 20, days: 1 };
      const page = await get<FlowPage | TaskPage>(`/${kind}`, query, signal);
      return page.items.map(({ name }) => name);
    },
    placeholderData: keepPreviousData,
  });
}

async function byName(text: string, signal: AbortSignal): Promise<Found> {
  const [flows, tasks, flowRuns, taskRuns] = await Promise.all([
    get<FlowPage>("/flows", { search: text, limit: EACH, days: 1 }, signal),
    get<TaskPage>("/tasks", { search: text, limit: EACH, days: 1 }, signal),
    get<FlowRunPage>("/flow-runs", { name: text, limit: EACH }, signal),
    get<TaskRunPage>("/task-runs", { name: text, limit: EACH }, signal),
  ]);
  return {
    flows: flows.items,
    tasks: tasks.items,
    flowRuns: flowRuns.items,
    taskRuns: taskRuns.items,
  };
}

async function byId(id: string, signal: AbortSignal): Promise<Found> {
  const [flowRun, taskRun] = await Promise.all([
    orNone(get<FlowRun>(`/flow-runs/${id}`, {}, signal)),
    orNone(get<TaskRun>(`/task-runs/${id}`, {}, signal)),
  ]);
  return {
    flows: [],
    tasks: [],
    flowRuns: flowRun ? [flowRun] : [],
    taskRuns: taskRun ? [taskRun] : [],
  };
}

async function orNone<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
