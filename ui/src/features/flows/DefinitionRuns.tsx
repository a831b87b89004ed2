import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type Kind, type LastRun, newestRuns } from "~/api/definitions";
import { RunsLink } from "~/features/flows/RunsLink";
import { useLive } from "~/live/useLive";
import { Card } from "~/parts/Card";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { StateBadge } from "~/parts/StateBadge";
import { Ago, RunTook } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

const SHOWN = 15;

/** The newest runs of a flow or task, and the way to all of them. */
export function DefinitionRuns({ kind, name }: { kind: Kind; name: string }) {
  const found = useQuery(newestRuns(kind, name, SHOWN));
  useLive("runs", ["definition-runs", kind, name], 1_000);
  const runs = found.data?.items ?? [];
  return (
    <Card
      title="Newest runs"
      flush
      more={
        <RunsLink kind={kind} name={name}>
          All runs
        </RunsLink>
      }
    >
      {found.error && !found.data ? (
        <Trouble error={found.error} retry={() => found.refetch()} />
      ) : null}
      {found.isPending ? <Loading lines={5} /> : null}
      {found.data && runs.length === 0 ? <Empty title="No run is kept any more" /> : null}
      {runs.length > 0 ? (
        <table className="table definition-newest">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              {kind === "task" ? (
                <th scope="col" className="wide-only">
                  In
                </th>
              ) : null}
              <th scope="col">Started</th>
              <th scope="col" className="right">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Run key={run.id} run={run} />
            ))}
          </tbody>
        </table>
      ) : null}
    </Card>
  );
}

function Run({ run }: { run: LastRun }) {
  const isTask = "task" in run;
  return (
    <tr>
      <td className="definition-run">
        <Link
          to={isTask ? "/task-runs/$id" : "/runs/$id"}
          params={{ id: run.id }}
          className="definition-name"
        >
          {run.name}
        </Link>
      </td>
      <td>
        <StateBadge type={run.state.type} name={run.state.name} />
      </td>
      {isTask ? (
        <td className="definition-run wide-only">
          {run.flow_run ? (
            <Link to="/runs/$id" params={{ id: run.flow_run }}>
              {run.flow_run_name ?? "a flow run"}
            </Link>
          ) : (
            <span className="muted">no flow</span>
          )}
        </td>
      ) : null}
      <td className="muted">
        <Ago at={run.started ?? run.created} />
      </td>
      <td className="right">
        <RunTook run={run} />
      </td>
    </tr>
  );
}
