import { useQuery } from "@tanstack/react-query";
import { errorLines } from "~/api/logs";
import type { FlowRun, TaskRunItem } from "~/api/shapes";
import { badTaskRuns } from "~/api/taskRun";
import { RunLink } from "~/features/run-detail/RunLink";
import { Traceback } from "~/features/run-detail/Traceback";
import { errorIn, tracebackIn } from "~/model/logs";
import { rerunCommand } from "~/model/rerun";
import { BAD, isStateType } from "~/model/states";
import { CopyButton } from "~/parts/CopyButton";
import { StateBadge } from "~/parts/StateBadge";
import { byType } from "~/parts/StateBar";

const SHOWN = 5;

/** What went wrong and why, above everything else; nothing where nothing did. */
export function Failures({ run }: { run: FlowRun }) {
  const isBad = isStateType(run.state.type) && BAD.has(run.state.type);
  const count = byType(run.task_runs)
    .filter(({ type }) => isStateType(type) && BAD.has(type))
    .reduce((sum, { runs }) => sum + runs, 0);
  const found = useQuery({ ...badTaskRuns(run.id, SHOWN), enabled: count > 0 });
  if (!isBad && count === 0) return null;
  const items = found.data?.items ?? [];
  const body = (
    <>
      <ul>
        {items.map((one) => (
          <Failed key={one.id} run={one} />
        ))}
      </ul>
      {count > items.length && items.length > 0 ? (
        <RunLink to={{ tab: "task-runs", type: worstOf(items) }}>
          All {count.toLocaleString("en")} in a table
        </RunLink>
      ) : null}
    </>
  );
  if (!isBad) {
    return (
      <details className="failures">
        <summary>{title(isBad, run, count)}</summary>
        {body}
      </details>
    );
  }
  const why = errorIn(run.state.message) || verdict(run);
  return (
    <section className="failures" aria-label="What failed">
      <h2>{title(isBad, run, count)}</h2>
      {items.some((one) => errorIn(one.state.message) === why) ? null : (
        <p className="failures-why mono">{why}</p>
      )}
      {body}
      {found.isLoading ? null : <FirstTraceback run={run} item={items[0]} />}
      <WhatToDo run={run} />
    </section>
  );
}

function worstOf(items: readonly TaskRunItem[]): "CRASHED" | "FAILED" {
  return items[0]?.state.type === "CRASHED" ? "CRASHED" : "FAILED";
}

function title(isBad: boolean, run: FlowRun, count: number): string {
  const tasks = `${count.toLocaleString("en")} task ${count === 1 ? "run" : "runs"}`;
  if (!isBad) return run.is_open ? `${tasks} failed so far` : `${tasks} failed; the flow went on`;
  return count === 0
    ? `Why it is ${run.state.name}`
    : `Why it is ${run.state.name}: ${tasks} failed`;
}

function verdict(run: FlowRun): string {
  const { process } = run;
  if (run.verdict === "died" && process) {
    return `Its process (${process.pid} on ${process.host}) died and could not say how the run ended.`;
  }
  if (run.verdict === "closed") return "The flow run that called it was over before it ended.";
  return "It left no message.";
}

function Failed({ run }: { run: TaskRunItem }) {
  return (
    <li>
      <RunLink to={{ run: run.id, tab: undefined }} className="failed-name">
        {run.name}
      </RunLink>
      <StateBadge type={run.state.type} name={run.state.name} />
      <span className="failed-why mono">{errorIn(run.state.message) || "Its process died."}</span>
      <RunLink
        to={{ tab: "logs", at: run.started ?? run.created, text: undefined, task: undefined }}
      >
        Log lines around
      </RunLink>
    </li>
  );
}

function FirstTraceback({ run, item }: { run: FlowRun; item: TaskRunItem | undefined }) {
  const found = useQuery(errorLines({ flow_run: run.id, task_run: item?.id }));
  const texts = found.data?.items.map((line) => tracebackIn(line.message)) ?? [];
  const text = texts.find((one) => one !== null);
  return text ? <Traceback text={text} of={item?.name ?? run.name} isOpen /> : null;
}

function WhatToDo({ run }: { run: FlowRun }) {
  const command = rerunCommand(run.entrypoint, run.parameters);
  if (!command) return null;
  return (
    <div className="what-to-do">
      <span>To run it again with the same parameters:</span>
      <code>{command}</code>
      <CopyButton text={command} name="Copy the command" bare />
    </div>
  );
}
