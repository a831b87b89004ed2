import { useQuery } from "@tanstack/react-query";
import { attemptLines } from "~/api/logs";
import type { Line, TaskRun } from "~/api/shapes";
import { Traceback, TracebackText } from "~/features/run-detail/Traceback";
import { attemptErrorIn, errorIn, tracebackIn } from "~/model/logs";
import { BAD, isStateType, type StateType } from "~/model/states";
import { clock, duration, secondsFrom } from "~/model/times";
import { Card } from "~/parts/Card";
import { StateBadge } from "~/parts/StateBadge";

type Attempt = TaskRun["attempts"][number];

/** Each time that it was tried, and with which error that ended; nothing where all went well. */
export function Attempts({ run }: { run: TaskRun }) {
  const isBad = isStateType(run.state.type) && BAD.has(run.state.type);
  const hasMany = run.attempts.length > 1;
  const found = useQuery({
    ...attemptLines(run.id),
    enabled: isBad || hasMany,
  });
  if (!isBad && !hasMany) return null;
  const lines = found.data?.items ?? [];
  const newestFirst = [...run.attempts].reverse();
  return (
    <Card title={isBad ? `Why it is ${run.state.name}` : "Attempts"} flush>
      {run.attempts.length === 0 ? (
        <p className="attempt-why mono">{errorIn(run.state.message) || noMessage(run)}</p>
      ) : null}
      <ol className="attempts">
        {newestFirst.map((attempt, place) => (
          <Tried
            key={attempt.number}
            attempt={attempt}
            of={run}
            isLast={place === 0}
            line={lineOf(attempt, run.attempts, lines)}
            next={newestFirst[place - 1]}
          />
        ))}
      </ol>
    </Card>
  );
}

function Tried({
  attempt,
  of,
  isLast,
  line,
  next,
}: {
  attempt: Attempt;
  of: TaskRun;
  isLast: boolean;
  line: string | undefined;
  next: Attempt | undefined;
}) {
  const end = isLast ? of.state : attempt.state;
  // One that is followed by another one ended badly, whatever the state between is, if any.
  const isBad = next !== undefined || (end !== null && isBadEnd(end.type));
  const told = line ? attemptErrorIn(line) : errorIn(end?.message ?? null);
  const traceback = line ? tracebackIn(line) : null;
  return (
    <li>
      <div className="attempt-head">
        <strong>Attempt {attempt.number}</strong>
        {end ? <StateBadge type={end.type} name={end.name} /> : null}
        <span className="num muted">{clock(attempt.started)}</span>
        <span className="num muted">{tookOf(attempt, next)}</span>
      </div>
      {isBad && !traceback && (told || isLast) ? (
        <p className="attempt-why mono">{told || noMessage(of)}</p>
      ) : null}
      {traceback && isLast ? <TracebackText text={traceback} /> : null}
      {traceback && !isLast ? (
        <Traceback text={traceback} of={`attempt ${attempt.number}`} />
      ) : null}
    </li>
  );
}

function isBadEnd(type: string): boolean {
  const fine: readonly StateType[] = ["COMPLETED", "RUNNING", "PENDING"];
  return isStateType(type) && !fine.includes(type);
}

function noMessage(run: TaskRun): string {
  if (run.verdict === "died" && run.process) {
    return `Its process (${run.process.pid} on ${run.process.host}) died and could not say how the run ended.`;
  }
  if (run.verdict === "closed") return "The flow run that called it was over before it ended.";
  return "It left no message.";
}

function tookOf({ started, ended }: Attempt, next: Attempt | undefined): string {
  const end = ended ?? next?.started;
  return end ? duration(secondsFrom(started, end)) : "";
}

/** What was logged of its error between the start of an attempt and that of the next one. */
function lineOf(attempt: Attempt, all: readonly Attempt[], lines: readonly Line[]) {
  const from = attempt.started;
  const to = all.find(({ number }) => number === attempt.number + 1)?.started ?? "9999";
  return lines.find(({ at }) => at >= from && at < to)?.message;
}
