import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { errorLines } from "~/api/logs";
import type { TaskRun } from "~/api/shapes";
import { taskRun } from "~/api/taskRun";
import { RunLink } from "~/features/run-detail/RunLink";
import { Traceback } from "~/features/run-detail/Traceback";
import { errorIn, tracebackIn } from "~/model/logs";
import { clock, exact } from "~/model/times";
import { CopyButton } from "~/parts/CopyButton";
import { Loading } from "~/parts/Loading";
import { StateBadge } from "~/parts/StateBadge";
import { RunTook } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

/** The task run that is selected, beside what it was selected in. */
export function SelectedRun({ id }: { id: string }) {
  const found = useQuery(taskRun(id));
  return (
    <aside className="selected" aria-label="The selected task run">
      <RunLink to={{ run: undefined }} className="button button-plain button-small selected-close">
        <X size={14} aria-hidden="true" />
        <span className="hidden-text">Close</span>
      </RunLink>
      {found.data ? <Summary run={found.data} /> : null}
      {found.isPending ? <Loading /> : null}
      {found.error && !found.data ? (
        <Trouble error={found.error} retry={() => found.refetch()} />
      ) : null}
    </aside>
  );
}

function Summary({ run }: { run: TaskRun }) {
  return (
    <>
      <h3>
        <Link to="/task-runs/$id" params={{ id: run.id }} title="Open its page">
          {run.name}
        </Link>
      </h3>
      <div className="selected-line">
        <StateBadge type={run.state.type} name={run.state.name} />
        <RunTook run={run} />
        <CopyButton text={run.id} name="Copy id" bare />
      </div>
      {run.state.message ? <p className="mono selected-why">{errorIn(run.state.message)}</p> : null}
      <SelectedTraceback run={run} />
      <h4>States</h4>
      <ol className="passed">
        {run.states.map((state, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: states are only ever added at the end
          <li key={place}>
            <StateBadge type={state.type} name={state.name} />
            <time dateTime={state.at} title={exact(state.at)} className="num muted">
              {clock(state.at)}
            </time>
          </li>
        ))}
      </ol>
      <Ends name="Takes results of" ends={run.upstream} count={run.upstream_count} />
      <Ends name="Gives its result to" ends={run.downstream} count={run.downstream_count} />
      {run.result?.is_hit || run.result?.reason ? (
        <p className="muted">
          {run.result.is_hit ? "Its result was there already." : run.result.reason}
        </p>
      ) : null}
      <p className="selected-more">
        <Link to="/task-runs/$id" params={{ id: run.id }} className="link">
          All of this task run
        </Link>
        <RunLink to={{ tab: "logs", at: run.started ?? run.created, task: run.task }}>
          Log lines of {run.task}
        </RunLink>
      </p>
    </>
  );
}

function SelectedTraceback({ run }: { run: TaskRun }) {
  const isBad = run.state.type === "FAILED" || run.state.type === "CRASHED";
  const wanted = { flow_run: run.flow_run ?? "", task_run: run.id };
  const found = useQuery({ ...errorLines(wanted), enabled: isBad && run.flow_run !== null });
  const texts = found.data?.items.map((line) => tracebackIn(line.message)) ?? [];
  const text = texts.find((one) => one !== null);
  return text ? <Traceback text={text} of={run.name} /> : null;
}

function Ends({ name, ends, count }: { name: string; ends: TaskRun["upstream"]; count: number }) {
  if (ends.length === 0) return null;
  return (
    <>
      <h4>
        {name} <span className="muted num">{count.toLocaleString("en")}</span>
      </h4>
      <ul className="ends">
        {ends.slice(0, 20).map((end) => (
          <li key={`${end.name} ${end.run}`}>
            {end.kind === "task" ? (
              <RunLink to={{ run: end.run }}>{end.run_name}</RunLink>
            ) : (
              <span>{end.run_name}</span>
            )}
            <code className="muted">{end.name}</code>
          </li>
        ))}
      </ul>
    </>
  );
}
