import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { graph, UNFOLDED, unfoldedGroup } from "~/api/graph";
import type { FlowRun, GraphNode, RunGraph } from "~/api/shapes";
import { GraphView } from "~/features/graph/GraphView";
import { NoTaskRuns } from "~/features/run-detail/NoTaskRuns";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { foldedPicture, runsOf, singlePicture } from "~/model/graph";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";
import "./graph.css";

const MOST_SINGLE = 250; // runs up to which each may be a box of its own

/** Whose results each task takes: a box for each task, which unfolds into its runs. */
export function GraphTab({ run }: { run: FlowRun }) {
  const found = useQuery(graph(run.id));
  if (found.data) return <Shown run={run} graph={found.data} />;
  if (found.error) return <Trouble error={found.error} retry={() => found.refetch()} />;
  return <Loading lines={8} />;
}

function Shown({ run, graph: data }: { run: FlowRun; graph: RunGraph }) {
  const [search, change] = useRunSearch();
  const mayBeSingle = data.groups.length === 0 && data.nodes.length <= MOST_SINGLE;
  const isSingle = mayBeSingle && search.each === true;
  const picture = useMemo(
    () => (isSingle ? singlePicture(data) : foldedPicture(data)),
    [data, isSingle],
  );
  const open = search.open;
  const wanted = useMemo(
    () => (isSingle ? [] : picture.boxes.filter(({ name }) => open?.includes(name))),
    [picture, open, isSingle],
  );
  const groups = useQueries({
    queries: wanted.map(({ id }) => ({
      ...unfoldedGroup(run.id, id),
      enabled: data.groups.length > 0,
    })),
    combine: (answers) => answers.map(({ data: answer }) => answer?.items),
  });
  const unfolded = useMemo(() => {
    const found = new Map<string, readonly GraphNode[]>();
    for (const [place, { id }] of wanted.entries()) {
      const runs = data.groups.length > 0 ? groups[place] : runsOf(data, id);
      if (runs) found.set(id, runs.slice(0, UNFOLDED));
    }
    return found;
  }, [wanted, groups, data]);
  if (picture.boxes.length === 0) return <NoTaskRuns run={run} />;
  return (
    <GraphView
      picture={picture}
      unfolded={unfolded}
      selected={search.run}
      toggle={(name) => {
        const others = open?.filter((one) => one !== name) ?? [];
        const next = open?.includes(name) ? others : [...others, name];
        change({ open: next.length > 0 ? next : undefined }, { replace: true });
      }}
      isSingle={isSingle}
      setSingle={
        mayBeSingle && data.nodes.length > picture.boxes.length - (isSingle ? 1 : 0)
          ? (each) => change({ each: each || undefined }, { replace: true })
          : undefined
      }
      note={data.is_whole ? "" : "So many results went around that not all lines are drawn."}
    />
  );
}
