import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { subflowRuns } from "~/api/flowRun";
import type { FlowRun, FlowRunItem } from "~/api/shapes";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { StateBadge } from "~/parts/StateBadge";
import { StateBar } from "~/parts/StateBar";
import { Ago, RunTook } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

/** The flow runs that the run called. */
export function SubflowsTab({ run }: { run: FlowRun }) {
  const found = useInfiniteQuery(subflowRuns(run.id));
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  if (found.error && items.length === 0) {
    return <Trouble error={found.error} retry={() => found.refetch()} />;
  }
  if (found.isPending) return <Loading lines={6} />;
  if (items.length === 0) {
    return (
      <Empty title="This run called no other flow">Flows that a flow calls are shown here.</Empty>
    );
  }
  return (
    <div className="table-scroller">
      <table className="table">
        <thead>
          <tr>
            <th>State</th>
            <th>Run</th>
            <th>Flow</th>
            <th>Started</th>
            <th className="right">Took</th>
            <th>Task runs</th>
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <SubflowRow key={one.id} run={one} />
          ))}
        </tbody>
      </table>
      {found.hasNextPage ? (
        <button
          type="button"
          className="button button-plain table-more"
          disabled={found.isFetchingNextPage}
          onClick={() => found.fetchNextPage()}
        >
          {found.isFetchingNextPage ? "Loading…" : "Show more"}
        </button>
      ) : null}
    </div>
  );
}

function SubflowRow({ run }: { run: FlowRunItem }) {
  return (
    <tr>
      <td>
        <StateBadge type={run.state.type} name={run.state.name} />
      </td>
      <td>
        <Link to="/runs/$id" params={{ id: run.id }} className="link">
          {run.name}
        </Link>
        {run.state.message ? <div className="subflow-why mono">{run.state.message}</div> : null}
      </td>
      <td>{run.flow}</td>
      <td className="muted">
        <Ago at={run.started ?? run.created} />
      </td>
      <td className="right">
        <RunTook run={run} />
      </td>
      <td className="subflow-states">
        <StateBar counts={run.task_runs} />
      </td>
    </tr>
  );
}
