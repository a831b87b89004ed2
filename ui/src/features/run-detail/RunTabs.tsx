import { type FlowRun, totalOf } from "~/api/shapes";
import { RunLink } from "~/features/run-detail/RunLink";
import type { RunTab } from "~/model/runSearch";

/** The ways to look at a flow run; each has an address. */
export function RunTabs({ run }: { run: FlowRun }) {
  const places: readonly { tab: RunTab; name: string; count?: number }[] = [
    { tab: "timeline", name: "Timeline" },
    { tab: "task-runs", name: "Task runs", count: totalOf(run.task_runs) },
    { tab: "logs", name: "Logs" },
    { tab: "details", name: "Details" },
  ];
  return (
    <nav className="tabs run-tabs" aria-label="Views of this run">
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
