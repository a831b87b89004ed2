import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, CheckCheck } from "lucide-react";
import { useState } from "react";
import { actOnFlowRuns, type Meant } from "~/api/runs";
import { type FlowRunItem, totalOf } from "~/api/shapes";
import { whyOf } from "~/features/runs/why";
import { BAD, isStateType } from "~/model/states";
import { Card } from "~/parts/Card";
import { StateBadge } from "~/parts/StateBadge";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

const FEW = 6;

/** What failed and nobody looked at yet, with the last line of why. */
export function FailedNow({
  failures,
  hasMore,
}: {
  failures: readonly FlowRunItem[];
  hasMore: boolean;
}) {
  const [isLong, setLong] = useState(false);
  const queries = useQueryClient();
  const see = useMutation({
    mutationFn: allSeen,
    onSuccess: () => queries.invalidateQueries({ queryKey: ["dashboard"] }),
  });
  if (failures.length === 0) {
    return (
      <p className="home-fine">
        <Check size={15} aria-hidden="true" />
        No new failures
      </p>
    );
  }
  const count = `${failures.length}${hasMore ? "+" : ""}`;
  return (
    <Card
      flush
      title={
        <>
          New failures <span className="home-count home-count-bad num">{count}</span>
        </>
      }
      more={
        <button
          type="button"
          className="button button-small button-plain"
          disabled={see.isPending}
          onClick={() =>
            see.mutate(
              hasMore
                ? { filter: { state_type: [...BAD], is_seen: false } }
                : { ids: failures.map(({ id }) => id) },
            )
          }
        >
          <CheckCheck size={14} aria-hidden="true" />
          Mark all as seen
        </button>
      }
    >
      {see.error ? <Trouble error={see.error} /> : null}
      <ul className="home-rows">
        {(isLong ? failures : failures.slice(0, FEW)).map((run) => (
          <Failed key={run.id} run={run} see={() => see.mutate({ ids: [run.id] })} />
        ))}
      </ul>
      {!isLong && failures.length > FEW ? (
        <button type="button" className="home-all link" onClick={() => setLong(true)}>
          Show {failures.length - FEW} more
        </button>
      ) : null}
      {hasMore && isLong ? (
        <Link
          to="/runs"
          search={{ type: ["FAILED", "CRASHED"], seen: false }}
          className="home-all link"
        >
          All that failed and nobody looked at
        </Link>
      ) : null}
    </Card>
  );
}

function Failed({ run, see }: { run: FlowRunItem; see: () => void }) {
  const bad = run.task_runs.filter(({ type }) => isStateType(type) && BAD.has(type));
  const count = totalOf(bad);
  return (
    <li className="home-failed">
      <StateBadge type={run.state.type} name={run.state.name} />
      <span className="home-what">
        <Link to="/runs/$id" params={{ id: run.id }} className="home-name">
          {run.name}
        </Link>
        <span className="muted">{run.flow}</span>
        {count > 0 ? (
          <span className="muted num">
            {count.toLocaleString("en")} of {totalOf(run.task_runs).toLocaleString("en")} task runs
          </span>
        ) : null}
      </span>
      <span className="home-why mono">{whyOf(run) ?? "It left no message."}</span>
      <span className="home-when muted">
        <Ago at={run.ended ?? run.created} />
      </span>
      <button
        type="button"
        className="button button-small button-plain home-see"
        title="Mark as seen"
        aria-label={`Mark ${run.name} as seen`}
        onClick={see}
      >
        <Check size={14} aria-hidden="true" />
      </button>
    </li>
  );
}

/** Mark runs as seen; of a filter, request by request. */
async function allSeen(meant: Meant): Promise<void> {
  let cursor: string | null = null;
  do {
    const answer: Awaited<ReturnType<typeof actOnFlowRuns>> = await actOnFlowRuns(
      "seen",
      meant,
      cursor,
    );
    cursor = answer.next;
  } while (cursor !== null);
}
