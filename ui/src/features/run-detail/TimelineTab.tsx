import { useQueries, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { type FlowRun, totalOf } from "~/api/shapes";
import { taskRun } from "~/api/taskRun";
import { type RunsRead, timeline } from "~/api/timeline";
import { barText, HoverCard } from "~/features/run-detail/HoverCard";
import { NoTaskRuns } from "~/features/run-detail/NoTaskRuns";
import { PartNote } from "~/features/run-detail/PartNote";
import { TagField } from "~/features/run-detail/TagField";
import { useLiveSubflows } from "~/features/run-detail/useLiveSubflows";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { useRunSeconds } from "~/features/run-detail/useRunSeconds";
import type { RunLink } from "~/features/timeline/links";
import { Timeline } from "~/features/timeline/Timeline";
import { type TimelineRuns, withSubflows } from "~/model/timelineRuns";
import { withTag } from "~/model/timelineTags";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";

/** When each task run ran. */
export function TimelineTab({ run }: { run: FlowRun }) {
  const found = useQuery(timeline(run.id));
  const runs = useSubflows(run, found.data);
  const again = () => found.refetch();
  if (runs) {
    return (
      <>
        {found.error && !runs.isWhole ? <Trouble error={found.error} retry={again} /> : null}
        <Drawn run={run} runs={runs} />
      </>
    );
  }
  if (found.error) return <Trouble error={found.error} retry={again} />;
  return <Loading lines={8} />;
}

/** The task runs, with the flows that the run called, and what the unfolded ones of these called. */
function useSubflows(run: FlowRun, own: RunsRead | undefined): TimelineRuns | undefined {
  const [search] = useRunSearch();
  const subflows = useQuery({ ...timeline(run.id, "flow"), enabled: run.subflow_runs > 0 });
  const ids = subflows.data?.runs.ids;
  const opened = useMemo(
    () => search.open?.filter((one) => ids?.includes(one)) ?? [],
    [search.open, ids],
  );
  useLiveSubflows(opened);
  const inside = useQueries({
    queries: opened.map((id) => timeline(id)),
    combine: (answers) => answers.map(({ data }) => data?.pages),
  });
  return useMemo(() => {
    if (!own) return undefined;
    if (!subflows.data) return own.runs;
    const unfolded = opened.flatMap((id, place) => {
      const pages = inside[place];
      return pages ? [{ id, pages }] : [];
    });
    return withSubflows(own.pages, subflows.data.pages, unfolded);
  }, [own, subflows.data, opened, inside]);
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
  const opened = useMemo(
    () => new Set(open?.map((id) => runs.ids.indexOf(id)).filter((place) => place >= 0)),
    [open, runs],
  );
  const shown = useMemo(() => withTag(runs, search.tag), [runs, search.tag]);
  const navigate = useNavigate();
  const toggle = (name: string) => {
    const others = open?.filter((one) => one !== name) ?? [];
    const next = open?.includes(name) ? others : [...others, name];
    change({ open: next.length > 0 ? next : undefined }, { replace: true });
  };
  const links = useLinks(runs, search.run, selected);
  if (runs.ids.length === 0) return <NoTaskRuns run={run} />;
  return (
    <>
      <PartNote runs={runs} count={totalOf(run.task_runs)} />
      <TagField runs={runs} />
      {shown?.includes(1) === false ? (
        <Empty title={`No task run has the tag ${search.tag}`}>
          <button type="button" className="button" onClick={() => change({ tag: undefined })}>
            Show all
          </button>
        </Empty>
      ) : (
        <Timeline
          columns={columns}
          shown={shown}
          now={now}
          isLive={run.is_open}
          nameOf={(one) => runs.names[one] ?? ""}
          textOf={(one) => barText(runs, one, now)}
          selected={selected}
          select={(one) => {
            const id = runs.ids[one] as string;
            if (!columns.isFlow[columns.task[one] as number]) change({ run: id });
            else void navigate({ to: "/runs/$id", params: { id } });
          }}
          links={links}
          unfolded={unfolded}
          unfold={(task) => toggle(columns.taskNames[task] as string)}
          opened={opened}
          open={(one) => toggle(runs.ids[one] as string)}
          card={(one) => <HoverCard runs={runs} run={one} now={now} />}
        />
      )}
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
