import { Link } from "@tanstack/react-router";
import { type Dashboard, type FlowRunItem, totalOf } from "~/api/shapes";
import { isOver, OVER, STATE_TYPES } from "~/model/states";
import { Card } from "~/parts/Card";
import { StateBadge } from "~/parts/StateBadge";
import { StateBar } from "~/parts/StateBar";
import { Took } from "~/parts/Time";

const OPEN = STATE_TYPES.filter((type) => !OVER.has(type));

/** The flow runs that are not over: how far each is, and since when. */
export function RunsNow({ data }: { data: Dashboard }) {
  const { running } = data;
  const count = Math.max(totalOf(data.flow_runs.open), running.length);
  const tasks = data.task_runs.open.filter(({ type }) => type === "RUNNING");
  const now = totalOf(tasks);
  return (
    <Card
      flush
      title={
        <>
          Running now <span className="home-count num">{count.toLocaleString("en")}</span>
        </>
      }
      more={
        now > 0 ? (
          <Link
            to="/runs"
            search={{ kind: "task", type: ["RUNNING"] }}
            className="muted home-more num"
          >
            {now.toLocaleString("en")} task {now === 1 ? "run" : "runs"} at work
          </Link>
        ) : undefined
      }
    >
      {running.length === 0 ? (
        <p className="home-none muted">
          Nothing runs. <code>flowstone run etl.py:nightly</code> starts a flow.
        </p>
      ) : (
        <ul className="home-rows">
          {running.map((run) => (
            <Running key={run.id} run={run} />
          ))}
        </ul>
      )}
      {count > running.length ? (
        <Link to="/runs" search={{ type: OPEN }} className="home-all link">
          All {count.toLocaleString("en")} that run or wait
        </Link>
      ) : null}
    </Card>
  );
}

function Running({ run }: { run: FlowRunItem }) {
  const total = totalOf(run.task_runs);
  const over = totalOf(run.task_runs.filter(isOver));
  return (
    <li className="home-running">
      <StateBadge type={run.state.type} name={run.state.name} />
      <span className="home-what">
        <Link to="/runs/$id" params={{ id: run.id }} className="home-name">
          {run.name}
        </Link>
        <span className="muted">{run.flow}</span>
      </span>
      <span className="home-progress">
        {total > 0 ? (
          <>
            <StateBar counts={run.task_runs} isProgress />
            <span className="muted num">
              {over.toLocaleString("en")} of {total.toLocaleString("en")}
            </span>
          </>
        ) : (
          <span className="muted">no task run yet</span>
        )}
      </span>
      <span className="home-when num">
        {run.started ? (
          <Took start={run.started} end={null} />
        ) : (
          <span className="muted">not started</span>
        )}
      </span>
    </li>
  );
}
