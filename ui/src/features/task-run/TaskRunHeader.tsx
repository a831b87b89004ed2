import { Link } from "@tanstack/react-router";
import type { TaskRun } from "~/api/shapes";
import { Fact } from "~/features/run-detail/Fact";
import { ProgressBars } from "~/features/run-detail/ProgressBars";
import { TaskRunActions } from "~/features/task-run/TaskRunActions";
import { bytesText } from "~/model/bytes";
import { duration } from "~/model/times";
import { StateBadge } from "~/parts/StateBadge";
import { Ago, RunTook } from "~/parts/Time";

/** What the task run is, how it stands, and what can be done about it. */
export function TaskRunHeader({ run }: { run: TaskRun }) {
  return (
    <header className="run-head">
      <Whence run={run} />
      <div className="page-head">
        <h1>{run.name}</h1>
        <span aria-live="polite">
          <StateBadge type={run.state.type} name={run.state.name} />
        </span>
        <TaskRunActions run={run} />
      </div>
      <dl className="facts">
        <Fact name="Task">
          <Link to="/tasks/$name" params={{ name: run.task }} className="link">
            {run.task}
          </Link>
        </Fact>
        <Fact name={run.started ? "Started" : "Created"}>
          <Ago at={run.started ?? run.created} />
        </Fact>
        {run.started ? (
          <Fact name={run.is_open ? "Running for" : "Took"}>
            <RunTook run={run} />
          </Fact>
        ) : null}
        {run.attempt > 1 || run.retries > 0 ? (
          <Fact name="Attempt">
            <span className="num">
              {run.attempt} of {run.retries + 1}
            </span>
          </Fact>
        ) : null}
        {run.usage ? (
          <Fact name="Processor time">
            <span className="num">{duration(run.usage.cpu_seconds)}</span>
          </Fact>
        ) : null}
        {run.usage?.peak_memory ? (
          <Fact name="Memory at most">
            <span className="num">{bytesText(run.usage.peak_memory)}</span>
          </Fact>
        ) : null}
        {run.tags.length > 0 ? (
          <Fact name="Tags">
            {run.tags.map((tag) => (
              <span key={tag} className="tag">
                {tag}
              </span>
            ))}
          </Fact>
        ) : null}
      </dl>
      <ProgressBars progress={run.progress} />
    </header>
  );
}

/** The flow run, and the task run, that called it. */
function Whence({ run }: { run: TaskRun }) {
  if (run.flow_run === null) return <div className="whence muted">Called outside of a flow</div>;
  return (
    <nav className="whence" aria-label="Called by">
      <span className="muted">{run.flow ?? "flow"}</span>
      <span aria-hidden="true">/</span>
      <Link to="/runs/$id" params={{ id: run.flow_run }} search={{ run: run.id }} className="link">
        {run.flow_run_name ?? "flow run"}
      </Link>
      {run.parent ? (
        <>
          <span aria-hidden="true">/</span>
          <Link to="/task-runs/$id" params={{ id: run.parent }} className="link">
            {run.parent_name ?? "task run"}
          </Link>
        </>
      ) : null}
    </nav>
  );
}
