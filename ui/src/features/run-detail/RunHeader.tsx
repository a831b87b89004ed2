import { Link } from "@tanstack/react-router";
import { type FlowRun, totalOf } from "~/api/shapes";
import { Fact } from "~/features/run-detail/Fact";
import { ProgressBars } from "~/features/run-detail/ProgressBars";
import { RunActions } from "~/features/run-detail/RunActions";
import { RunLink } from "~/features/run-detail/RunLink";
import { BAD, isStateType, lookOf } from "~/model/states";
import { StateBadge } from "~/parts/StateBadge";
import { byName, StateBar } from "~/parts/StateBar";
import { StateMark } from "~/parts/StateMark";
import { Ago, RunTook } from "~/parts/Time";

/** What the run is, how it stands, and what can be done about it. */
export function RunHeader({ run }: { run: FlowRun }) {
  const { type, message } = run.state;
  const isTold = isStateType(type) && BAD.has(type); // below, with why
  return (
    <header className="run-head">
      <div className="page-head">
        <h1>{run.name}</h1>
        <span aria-live="polite">
          <StateBadge type={run.state.type} name={run.state.name} />
        </span>
        <RunActions run={run} />
      </div>
      <dl className="facts">
        <Fact name="Flow">
          <Link to="/flows/$name" params={{ name: run.flow }} className="link">
            {run.flow}
          </Link>
        </Fact>
        {run.parent_flow_run ? (
          <Fact name="Called by">
            <Link to="/runs/$id" params={{ id: run.parent_flow_run }} className="link">
              {run.parent_name ?? "another run"}
            </Link>
          </Fact>
        ) : null}
        <Fact name={run.started ? "Started" : "Created"}>
          <Ago at={run.started ?? run.created} />
        </Fact>
        <Fact name={run.is_open ? "Running for" : "Took"}>
          <RunTook run={run} />
        </Fact>
        {run.attempt > 1 || run.retries > 0 ? (
          <Fact name="Attempt">
            <span className="num">
              {run.attempt} of {run.retries + 1}
            </span>
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
        {message && !isTold ? <Fact name="Message">{message}</Fact> : null}
      </dl>
      <Counts run={run} />
      <ProgressBars progress={run.progress} />
    </header>
  );
}

/** The task runs by state: a bar, and a number for each that leads to them. */
function Counts({ run }: { run: FlowRun }) {
  const total = totalOf(run.task_runs);
  if (total === 0) return null;
  return (
    <div className="counts">
      <StateBar counts={run.task_runs} />
      <ul>
        {byName(run.task_runs).map(({ type, name, runs }) =>
          isStateType(type) ? (
            <li key={name}>
              <RunLink to={{ tab: "task-runs", type, run: undefined }} className="count-link">
                <StateMark type={type} size={12} />
                <strong className="num">{runs.toLocaleString("en")}</strong>
                {name === lookOf(type).name ? name.toLowerCase() : name}
              </RunLink>
            </li>
          ) : null,
        )}
      </ul>
    </div>
  );
}
