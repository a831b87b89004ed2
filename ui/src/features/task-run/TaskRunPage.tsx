import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Navigate } from "@tanstack/react-router";
import { taskRun } from "~/api/taskRun";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { StateBadge } from "~/parts/StateBadge";
import { Trouble } from "~/parts/Trouble";

const route = getRouteApi("/task-runs/$id");

/** A task run: beside its flow run's timeline; one that no flow called by itself. */
export function TaskRunPage() {
  const { id } = route.useParams();
  const found = useQuery(taskRun(id));
  const run = found.data;
  if (run?.flow_run) {
    return <Navigate to="/runs/$id" params={{ id: run.flow_run }} search={{ run: id }} replace />;
  }
  return (
    <div className="page">
      {found.error ? <Trouble error={found.error} retry={() => found.refetch()} /> : null}
      {found.isPending ? <Loading /> : null}
      {run ? (
        <>
          <header className="page-head">
            <h1>{run.name}</h1>
            <StateBadge type={run.state.type} name={run.state.name} />
          </header>
          <Empty title="No flow called this task run">
            {run.state.message}
            <pre>flowstone task-run inspect {run.id}</pre>
          </Empty>
        </>
      ) : null}
    </div>
  );
}
