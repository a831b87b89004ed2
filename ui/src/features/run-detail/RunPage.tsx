import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { ApiError } from "~/api/client";
import { flowRun, markFlowRunSeen } from "~/api/flowRun";
import type { FlowRun } from "~/api/shapes";
import { timeline } from "~/api/timeline";
import { GraphTab } from "~/features/graph/GraphTab";
import { LogsTab } from "~/features/logs/LogsTab";
import { DetailsTab } from "~/features/run-detail/DetailsTab";
import { Failures } from "~/features/run-detail/Failures";
import { ParametersTab } from "~/features/run-detail/ParametersTab";
import { ResultsTab } from "~/features/run-detail/ResultsTab";
import { RunHeader } from "~/features/run-detail/RunHeader";
import { RunTabs } from "~/features/run-detail/RunTabs";
import { SelectedRun } from "~/features/run-detail/SelectedRun";
import { StatesTab } from "~/features/run-detail/StatesTab";
import { SubflowsTab } from "~/features/run-detail/SubflowsTab";
import { TaskRunsTab } from "~/features/run-detail/TaskRunsTab";
import { TimelineTab } from "~/features/run-detail/TimelineTab";
import { useLiveRun } from "~/features/run-detail/useLiveRun";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { useTabLook } from "~/features/run-detail/useTabLook";
import type { RunTab } from "~/model/runSearch";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";
import "./run-detail.css";

const route = getRouteApi("/runs/$id");
const SELECTING: readonly RunTab[] = ["timeline", "graph", "task-runs"];

/** One flow run: how it stands, what failed and why, its task runs and its log. */
export function RunPage() {
  const { id } = route.useParams();
  const found = useQuery(flowRun(id));
  const run = found.data;
  const wasDeleted = run !== undefined && isGone(found.error);
  useLiveRun(id, !wasDeleted);
  useEarlyBars(id);
  useTabLook(run ? `${run.name} ${run.state.name}` : "Flow run", run?.state.type);
  if (run && !wasDeleted) return <Shown key={id} run={run} />;
  return (
    <div className="page">
      {found.error ? <Missing error={found.error} retry={() => found.refetch()} /> : <Loading />}
    </div>
  );
}

/** Asks for the bars together with the header: what is shown of them waits for both. */
function useEarlyBars(id: string): void {
  const [{ tab }] = useRunSearch();
  const queries = useQueryClient();
  const isWanted = tab === undefined || tab === "task-runs";
  useEffect(() => {
    if (isWanted) void queries.prefetchQuery(timeline(id));
  }, [isWanted, id, queries]);
}

function Shown({ run }: { run: FlowRun }) {
  const [search] = useRunSearch();
  const tab = search.tab ?? "timeline";
  const hasSelected = search.run !== undefined && SELECTING.includes(tab);
  const isUnseenEnd = !run.is_open && !run.is_seen;
  useEffect(() => {
    if (!isUnseenEnd) return;
    // Who may only read leaves no mark: that the server refuses it is no trouble to show.
    markFlowRunSeen(run.id).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
    });
  }, [isUnseenEnd, run.id]);
  return (
    <div className="page run-page">
      <RunHeader run={run} />
      <Failures run={run} />
      <section className="card run-body" aria-label="What it did">
        <RunTabs run={run} />
        <div className={hasSelected ? "run-split" : ""}>
          <div className="run-main">
            {tab === "timeline" ? <TimelineTab run={run} /> : null}
            {tab === "graph" ? <GraphTab run={run} /> : null}
            {tab === "task-runs" ? <TaskRunsTab run={run} /> : null}
            {tab === "logs" ? <LogsTab run={run} /> : null}
            {tab === "subflows" ? <SubflowsTab run={run} /> : null}
            {tab === "results" ? <ResultsTab run={run} /> : null}
            {tab === "parameters" ? <ParametersTab run={run} /> : null}
            {tab === "states" ? <StatesTab run={run} /> : null}
            {tab === "details" ? <DetailsTab run={run} /> : null}
          </div>
          {hasSelected && search.run ? <SelectedRun id={search.run} /> : null}
        </div>
      </section>
    </div>
  );
}

function isGone(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 404;
}

function Missing({ error, retry }: { error: Error; retry: () => void }) {
  if (!isGone(error)) return <Trouble error={error} retry={retry} />;
  return (
    <Empty title="There is no such flow run">
      <p>It may have been deleted.</p>
      <Link to="/runs" className="button">
        All runs
      </Link>
    </Empty>
  );
}
