import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ApiError } from "~/api/client";
import type { TaskRun } from "~/api/shapes";
import { taskRun } from "~/api/taskRun";
import { ArtifactsOf } from "~/features/run-detail/ArtifactsOf";
import { StateStrip } from "~/features/run-detail/StateStrip";
import { useTabLook } from "~/features/run-detail/useTabLook";
import { Attempts } from "~/features/task-run/Attempts";
import { CacheCard } from "~/features/task-run/CacheCard";
import { Inputs, Takers } from "~/features/task-run/Neighbours";
import { TaskDetails } from "~/features/task-run/TaskDetails";
import { TaskLogs } from "~/features/task-run/TaskLogs";
import { TaskRunHeader } from "~/features/task-run/TaskRunHeader";
import { useLiveTaskRun } from "~/features/task-run/useLiveTaskRun";
import { WaitNote } from "~/features/task-run/WaitNote";
import { BAD, isStateType } from "~/model/states";
import { Card } from "~/parts/Card";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";
import "~/features/run-detail/run-detail.css";
import "./task-run.css";

const route = getRouteApi("/task-runs/$id");

/** One task run: what became of it and why, what it took and gave, what it said. */
export function TaskRunPage() {
  const { id } = route.useParams();
  const found = useQuery(taskRun(id));
  const run = found.data;
  useLiveTaskRun(id, run?.flow_run);
  useTabLook(run ? `${run.name} ${run.state.name}` : "Task run", run?.state.type);
  if (run) return <Shown key={id} run={run} />;
  return (
    <div className="page">
      {found.error ? <Missing error={found.error} retry={() => found.refetch()} /> : <Loading />}
    </div>
  );
}

function Shown({ run }: { run: TaskRun }) {
  const isBad = isStateType(run.state.type) && BAD.has(run.state.type); // that comes first then
  return (
    <div className="page run-page">
      <TaskRunHeader run={run} />
      <WaitNote run={run} />
      {isBad ? <Attempts run={run} /> : null}
      <Card title="States">
        <StateStrip states={run.states} isOpen={run.is_open} />
      </Card>
      {isBad ? null : <Attempts run={run} />}
      <div className="task-cards">
        <Inputs run={run} />
        <Takers run={run} />
        <CacheCard run={run} />
        <TaskDetails run={run} />
      </div>
      <ArtifactsOf wanted={{ task_run: run.id }} />
      <TaskLogs run={run} />
    </div>
  );
}

function Missing({ error, retry }: { error: Error; retry: () => void }) {
  if (!(error instanceof ApiError) || error.status !== 404) {
    return <Trouble error={error} retry={retry} />;
  }
  return (
    <Empty title="There is no such task run">
      <p>It may have been deleted, or its process has not told of it yet.</p>
      <Link to="/runs" className="button">
        All runs
      </Link>
    </Empty>
  );
}
