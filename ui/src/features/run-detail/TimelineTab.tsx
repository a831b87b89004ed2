import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { FlowRun } from "~/api/shapes";
import { taskRun } from "~/api/taskRun";
import { timeline } from "~/api/timeline";
import { NoTaskRuns } from "~/features/run-detail/NoTaskRuns";
import { PartNote } from "~/features/run-detail/PartNote";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { useRunSeconds } from "~/features/run-detail/useRunSeconds";
import type { RunLink } from "~/features/timeline/links";
import { Timeline } from "~/features/timeline/Timeline";
import { beginOf, endOf } from "~/model/timeline";
import { type TimelineRuns, typeOf } from "~/model/timelineRuns";
import { duration } from "~/model/times";
import { Loading } from "~/parts/Loading";
import { StateBadge } from "~/parts/StateBadge";
import { Trouble } from "~/parts/Trouble";

/** When each task run ran. */
export function TimelineTab({ run }: { run: FlowRun }) {
  const found = useQuery(timeline(run.id));
  if (found.data) return <Drawn run={run} runs={found.data} />;
  if (found.error) return <Trouble error={found.error} retry={() => found.refetch()} />;
  return <Loading lines={8} />;
}

function Drawn({ run, runs }: { run: FlowRun; runs: TimelineRuns }) {
  const [search, change] = useRunSearch();
  const now = useRunSeconds(run, runs);
  const { columns } = runs;
  const open = search.open;
  const unfolded = useMemo(
    () => new Set(open?.map((name) => columns.taskNames.indexOf(name))),
    [open, columns],
  );
  const selected = useMemo(
    () => (search.run ? runs.ids.indexOf(search.run) : -1),
    [search.run, runs],
  );
  const links = useLinks(runs, search.run, selected);
  if (runs.ids.length === 0) return <NoTaskRuns run={run} />;
  return (
    <>
      <PartNote runs={runs} />
      <Timeline
        columns={columns}
        now={now}
        isLive={run.is_open}
        nameOf={(one) => runs.names[one] ?? ""}
        selected={selected}
        select={(one) => change({ run: runs.ids[one] })}
        links={links}
        unfolded={unfolded}
        unfold={(task) => {
          const name = columns.taskNames[task] as string;
          const others = open?.filter((one) => one !== name) ?? [];
          const next = unfolded.has(task) ? others : [...others, name];
          change({ open: next.length > 0 ? next : undefined }, { replace: true });
        }}
        card={(one) => <HoverCard runs={runs} run={one} now={now} />}
      />
    </>
  );
}

/** The edges of the selected run, as far as the server tells them: a hundred each way. */
function useLinks(runs: TimelineRuns, id: string | undefined, at: number): readonly RunLink[] {
  const found = useQuery({ ...taskRun(id ?? ""), enabled: id !== undefined });
  return useMemo(() => {
    if (at < 0 || !found.data) return [];
    const givers = new Set(found.data.upstream.map((one) => one.run));
    const takers = new Set(found.data.downstream.map((one) => one.run));
    return runs.ids.flatMap((one, place) => {
      if (givers.has(one)) return [{ from: place, to: at }];
      return takers.has(one) ? [{ from: at, to: place }] : [];
    });
  }, [runs, at, found.data]);
}

function HoverCard({ runs, run, now }: { runs: TimelineRuns; run: number; now: number }) {
  const { columns } = runs;
  const begin = beginOf(columns, run);
  const started = columns.start[run] as number;
  const waited = started - (columns.created[run] as number);
  return (
    <div className="hover-card">
      <strong>{runs.names[run]}</strong>
      <StateBadge type={typeOf(columns, run)} name={runs.stateNames[run] ?? null} />
      <dl>
        <dt>Began after</dt>
        <dd className="num">{duration(begin)}</dd>
        <dt>{Number.isNaN(started) ? "Waits for" : "Took"}</dt>
        <dd className="num">{duration(endOf(columns, run, now) - begin)}</dd>
        {waited >= 0.001 ? (
          <>
            <dt>Waited</dt>
            <dd className="num">{duration(waited)}</dd>
          </>
        ) : null}
      </dl>
    </div>
  );
}
