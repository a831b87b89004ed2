import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type FlowRun, totalOf } from "~/api/shapes";
import { timeline } from "~/api/timeline";
import { NoTaskRuns } from "~/features/run-detail/NoTaskRuns";
import { PartNote } from "~/features/run-detail/PartNote";
import { TaskTable } from "~/features/run-detail/TaskTable";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { useRunSeconds } from "~/features/run-detail/useRunSeconds";
import { isStateType, LOOKS, WORST_FIRST } from "~/model/states";
import { taskTable } from "~/model/taskTable";
import type { TimelineRuns } from "~/model/timelineRuns";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { SearchField } from "~/parts/SearchField";
import { Trouble } from "~/parts/Trouble";

/** The task runs, grouped by task; what failed comes first. */
export function TaskRunsTab({ run }: { run: FlowRun }) {
  const found = useQuery(timeline(run.id));
  if (found.data) return <Listed run={run} runs={found.data.runs} />;
  if (found.error) return <Trouble error={found.error} retry={() => found.refetch()} />;
  return <Loading lines={8} />;
}

function Listed({ run, runs }: { run: FlowRun; runs: TimelineRuns }) {
  const [search, change] = useRunSearch();
  const now = useRunSeconds(run, runs);
  const { type, name } = search;
  const groups = useMemo(() => taskTable(runs, { type, name }, now), [runs, type, name, now]);
  if (runs.ids.length === 0) return <NoTaskRuns run={run} />;
  // Who asks for a state wants to see the runs in it, not only how many there are.
  const open = search.open ?? (type || name ? groups.slice(0, 1).map((one) => one.name) : []);
  return (
    <>
      <PartNote runs={runs} count={totalOf(run.task_runs)} />
      <div className="tools" role="search" aria-label="Task runs">
        <SearchField
          name="Name of a run"
          value={name ?? ""}
          change={(text) => change({ name: text || undefined }, { replace: true })}
        />
        <select
          className="field"
          aria-label="State"
          value={type ?? ""}
          onChange={({ target }) => {
            change({ type: isStateType(target.value) ? target.value : undefined });
          }}
        >
          <option value="">All states</option>
          {WORST_FIRST.map((one) => (
            <option key={one} value={one}>
              {LOOKS[one].name}
            </option>
          ))}
        </select>
      </div>
      {groups.length === 0 ? (
        <Empty title="No task run fits">
          <button
            type="button"
            className="button"
            onClick={() => change({ type: undefined, name: undefined })}
          >
            Show all
          </button>
        </Empty>
      ) : (
        <TaskTable
          runs={runs}
          groups={groups}
          now={now}
          open={new Set(open)}
          selected={search.run}
          toggle={(task) => {
            change({
              open: open.includes(task) ? open.filter((one) => one !== task) : [...open, task],
            });
          }}
        />
      )}
    </>
  );
}
