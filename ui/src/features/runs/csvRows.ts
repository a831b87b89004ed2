import type { RunItem, RunsPage } from "~/api/runs";
import type { FlowRunItem, TaskRunItem } from "~/api/shapes";
import { totalOf } from "~/api/shapes";
import type { Cell } from "~/model/csv";

type Column<Run> = readonly [name: string, of: (run: Run) => Cell];

const BOTH: readonly Column<RunItem>[] = [
  ["id", (run) => run.id],
  ["name", (run) => run.name],
  ["state", (run) => run.state.name],
  ["state_type", (run) => run.state.type],
  ["message", (run) => run.state.message],
  ["created", (run) => run.created],
  ["started", (run) => run.started],
  ["ended", (run) => run.ended],
  ["seconds", (run) => run.seconds],
  ["attempt", (run) => run.attempt],
  ["tags", (run) => run.tags.join(" ")],
];

const OF_FLOWS: readonly Column<FlowRunItem>[] = [
  ...BOTH,
  ["flow", (run) => run.flow],
  ["flow_version", (run) => run.flow_version],
  ["task_runs", (run) => totalOf(run.task_runs)],
  ["parent_flow_run", (run) => run.parent_flow_run],
];

const OF_TASKS: readonly Column<TaskRunItem>[] = [
  ...BOTH,
  ["task", (run) => run.task],
  ["flow", (run) => run.flow],
  ["flow_run", (run) => run.flow_run],
  ["flow_run_name", (run) => run.flow_run_name],
  ["parent", (run) => run.parent],
];

/** The names of the columns. */
export function csvHead(isTask: boolean): readonly Cell[] {
  return isTask ? OF_TASKS.map(([name]) => name) : OF_FLOWS.map(([name]) => name);
}

/** A page of runs as rows. */
export function csvRows(page: RunsPage): readonly (readonly Cell[])[] {
  return page.items.map((run: RunItem) =>
    "task" in run ? OF_TASKS.map(([, of]) => of(run)) : OF_FLOWS.map(([, of]) => of(run)),
  );
}
