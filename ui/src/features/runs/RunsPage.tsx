import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTabLook } from "~/features/run-detail/useTabLook";
import { ExportButton } from "~/features/runs/ExportButton";
import { FilterBar } from "~/features/runs/FilterBar";
import { FoundRuns } from "~/features/runs/FoundRuns";
import { SavedFilters } from "~/features/runs/SavedFilters";
import { useRunFilter } from "~/features/runs/useRunFilter";
import "./filters.css";
import "./runs.css";
import "./plot.css";

const RunsPlot = lazy(async () => {
  const { RunsPlot } = await import("~/features/runs/RunsPlot");
  return { default: RunsPlot };
});

/** Flow runs and task runs: narrowed, plotted, listed, acted on. */
export function RunsPage() {
  const [filter] = useRunFilter();
  const view = JSON.stringify(filter);
  useTabLook("Runs", undefined);
  return (
    <div className="page runs-page">
      <header className="page-head">
        <h1>Runs</h1>
        <div className="actions">
          <SavedFilters />
          <ExportButton key={view} filter={filter} />
        </div>
      </header>
      <nav className="tabs" aria-label="Kinds of runs">
        <Link
          to="/runs"
          search={(before) => ({ ...before, kind: undefined, task: undefined })}
          activeOptions={{ includeSearch: true, explicitUndefined: true }}
          className="tab"
        >
          Flow runs
        </Link>
        <Link
          to="/runs"
          search={(before) => ({ ...before, kind: "task", seen: undefined })}
          activeOptions={{ includeSearch: true, explicitUndefined: true }}
          className="tab"
        >
          Task runs
        </Link>
      </nav>
      <FilterBar />
      <Suspense fallback={<section className="card plot-card" aria-hidden="true" />}>
        <RunsPlot />
      </Suspense>
      <FoundRuns key={view} filter={filter} />
    </div>
  );
}
