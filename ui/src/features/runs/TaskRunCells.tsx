import { Link } from "@tanstack/react-router";
import { memo } from "react";
import type { TaskRunItem } from "~/api/shapes";
import { whyOf } from "~/features/runs/why";
import { StateBadge } from "~/parts/StateBadge";
import { Ago, RunTook } from "~/parts/Time";

/** The columns of task runs. */
export function TaskRunHeads() {
  return (
    <>
      <span role="columnheader">Task run</span>
      <span role="columnheader">State</span>
      <span role="columnheader">Task</span>
      <span role="columnheader">Flow run</span>
      <span role="columnheader">Started</span>
      <span role="columnheader">Took</span>
    </>
  );
}

/** A task run in a row: what it is, where it belongs and, where it went wrong, why. */
export const TaskRunCells = memo(({ run }: { run: TaskRunItem }) => {
  const why = whyOf(run);
  return (
    <>
      <span role="cell" className="runs-what">
        <Link to="/task-runs/$id" params={{ id: run.id }} className="runs-name">
          {run.name}
        </Link>
        {run.tags.slice(0, 3).map((tag) => (
          <span key={tag} className="tag">
            {tag}
          </span>
        ))}
        {why ? (
          <span className="runs-why mono" title={why}>
            {why}
          </span>
        ) : null}
      </span>
      <span role="cell" className="runs-state">
        <StateBadge type={run.state.type} name={run.state.name} />
      </span>
      <span role="cell" className="runs-of">
        <Link to="/runs" search={{ kind: "task", task: run.task }} title={`Runs of ${run.task}`}>
          {run.task}
        </Link>
      </span>
      <span role="cell" className="runs-counts">
        {run.flow_run ? (
          <Link to="/runs/$id" params={{ id: run.flow_run }} title={run.flow ?? ""}>
            {run.flow_run_name ?? run.flow ?? "a flow run"}
          </Link>
        ) : null}
      </span>
      <span role="cell" className="runs-at">
        <Ago at={run.started ?? run.created} />
      </span>
      <span role="cell" className="runs-took">
        <RunTook run={run} />
      </span>
    </>
  );
});
