import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { flowRuns } from "~/api/runs";
import { type FlowRunItem, totalOf } from "~/api/shapes";
import { paced } from "~/live/paced";
import { listen } from "~/live/stream";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { StateBadge } from "~/parts/StateBadge";
import { StateBar } from "~/parts/StateBar";
import { Ago, Took } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";
import "./runs.css";

const route = getRouteApi("/runs");

/** The flow runs, the newest first. */
export function RunsPage() {
  const { flow } = route.useSearch();
  const found = useInfiniteQuery(flowRuns({ flow }));
  useLiveRuns();
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page">
      <header className="page-head">
        <h1>Runs</h1>
        {flow ? (
          <Link to="/runs" search={{ flow: undefined }} className="tag" title="Show all flows">
            Flow {flow} ×
          </Link>
        ) : null}
      </header>
      {found.error ? <Trouble error={found.error} retry={() => found.refetch()} /> : null}
      <section className="card" aria-label="Flow runs">
        {found.isPending ? <Loading lines={10} /> : null}
        {found.data && items.length === 0 ? <NoRuns flow={flow} /> : null}
        {items.length > 0 ? <RunsTable items={items} /> : null}
      </section>
      {found.hasNextPage ? (
        <button
          type="button"
          className="button"
          disabled={found.isFetchingNextPage}
          onClick={() => found.fetchNextPage()}
        >
          {found.isFetchingNextPage ? "Loading…" : "Show older runs"}
        </button>
      ) : null}
    </div>
  );
}

function useLiveRuns(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const list = paced(() => queries.invalidateQueries({ queryKey: ["flow-runs"] }), 500);
    const end = listen(["runs"], list.ask);
    return () => {
      end();
      list.stop();
    };
  }, [queries]);
}

function RunsTable({ items }: { items: readonly FlowRunItem[] }) {
  return (
    <div className="runs-scroller">
      <table className="table runs-table">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">State</th>
            <th scope="col">Flow</th>
            <th scope="col">Task runs</th>
            <th scope="col">Started</th>
            <th scope="col" className="right">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((run) => (
            <tr key={run.id}>
              <td>
                <Link to="/runs/$id" params={{ id: run.id }} className="runs-name">
                  {run.name}
                </Link>
              </td>
              <td>
                <StateBadge type={run.state.type} name={run.state.name} />
              </td>
              <td>{run.flow}</td>
              <td className="runs-counts">
                {run.task_runs.length > 0 ? (
                  <>
                    <StateBar counts={run.task_runs} />
                    <span className="num muted">{totalOf(run.task_runs).toLocaleString("en")}</span>
                  </>
                ) : null}
              </td>
              <td>
                <Ago at={run.started ?? run.created} />
              </td>
              <td className="right">
                <Took start={run.started} end={run.ended} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NoRuns({ flow }: { flow: string | undefined }) {
  return (
    <Empty title={flow ? `No run of the flow ${flow}` : "No flow has run yet"}>
      Run one, and it appears here at once:
      <pre>flowstone run etl.py:nightly</pre>
    </Empty>
  );
}
