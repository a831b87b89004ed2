import { useEffect, useRef } from "react";
import { type FlowRun, totalOf } from "~/api/shapes";
import { RunLink } from "~/features/run-detail/RunLink";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import type { RunTab } from "~/model/runSearch";

/** The ways to look at a flow run; each has an address. */
export function RunTabs({ run }: { run: FlowRun }) {
  const places: readonly { tab: RunTab; name: string; count?: number }[] = [
    { tab: "timeline", name: "Timeline" },
    { tab: "graph", name: "Graph" },
    { tab: "task-runs", name: "Task runs", count: totalOf(run.task_runs) },
    { tab: "logs", name: "Logs" },
    ...(run.subflow_runs > 0
      ? [{ tab: "subflows", name: "Subflows", count: run.subflow_runs } as const]
      : []),
    { tab: "results", name: "Results", count: run.artifacts },
    { tab: "parameters", name: "Parameters", count: Object.keys(run.parameters).length },
    { tab: "states", name: "States" },
    { tab: "details", name: "Details" },
  ];
  const bar = useRef<HTMLElement>(null);
  const [{ tab }] = useRunSearch();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is to be in view
  useEffect(() => {
    const current = bar.current?.querySelector<HTMLElement>('[aria-current="page"]');
    if (!bar.current || !current) return;
    bar.current.scrollLeft =
      current.offsetLeft - (bar.current.clientWidth - current.offsetWidth) / 2;
  }, [tab]);
  return (
    <nav ref={bar} className="tabs run-tabs" aria-label="Views of this run">
      {places.map((place) => (
        <RunLink
          key={place.tab}
          to={{ tab: place.tab === "timeline" ? undefined : place.tab }}
          className="tab"
        >
          {place.name}
          {place.count ? <span className="count">{place.count.toLocaleString("en")}</span> : null}
        </RunLink>
      ))}
    </nav>
  );
}
