import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { type FlowRunItem, totalOf } from "~/api/shapes";
import { whyOf } from "~/features/runs/why";
import { StateBadge } from "~/parts/StateBadge";
import { StateBar } from "~/parts/StateBar";
import { Ago, RunTook } from "~/parts/Time";

/** The columns of flow runs. */
export function FlowRunHeads() {
  return (
    <>
      <span role="columnheader">Run</span>
      <span role="columnheader">State</span>
      <span role="columnheader">Flow</span>
      <span role="columnheader">Task runs</span>
      <span role="columnheader">Started</span>
      <span role="columnheader">Took</span>
    </>
  );
}

/** A flow run in a row: what it is, how it stands and, where it went wrong, why. */
export const FlowRunCells = memo(({ run }: { run: FlowRunItem }) => {
  const total = totalOf(run.task_runs);
  const why = whyOf(run);
  return (
    <>
      <span role="cell" className="runs-what">
        <Link to="/runs/$id" params={{ id: run.id }} className="runs-name">
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
        <Link to="/runs" search={{ flow: run.flow }} title={`Runs of ${run.flow}`}>
          {run.flow}
        </Link>
      </span>
      <span role="cell" className="runs-counts">
        {total > 0 ? (
          <>
            <StateBar counts={run.task_runs} />
            <span className="num muted">{total.toLocaleString("en")}</span>
          </>
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
