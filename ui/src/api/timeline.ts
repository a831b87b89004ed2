import { queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { TimelinePage } from "~/api/shapes";
import { settled, type TimelineRuns, timelineRuns } from "~/model/timelineRuns";

const GROWTH = 4;

/** The runs of a flow run, as they came and as columns. */
export interface RunsRead {
  readonly pages: readonly TimelinePage[];
  readonly runs: TimelineRuns;
}

/** All task runs of a flow run, or (`kind`) the flow runs that it called. */
export function timeline(flowRun: string, kind: "task" | "flow" = "task") {
  return queryOptions({
    queryKey: ["timeline", flowRun, kind],
    queryFn: async ({ client, queryKey, signal }) => {
      const pages = settled(client.getQueryData<RunsRead>(queryKey)?.pages ?? []);
      const isNew = pages.length === 0;
      let cursor = isNew ? null : (pages.at(-1)?.next ?? null);
      let shown = 1;
      do {
        const path = `/flow-runs/${flowRun}/timeline`;
        const page: TimelinePage = await get<TimelinePage>(path, { kind, cursor }, signal);
        pages.push(page);
        cursor = page.next;
        // Something to look at while the rest of a large run is on its way, not too often anew.
        if (isNew && pages.length === shown && cursor !== null) {
          shown *= GROWTH;
          client.setQueryData(queryKey, readOf(pages));
        }
      } while (cursor !== null);
      return readOf(pages);
    },
    staleTime: 10_000,
    structuralSharing: false, // the columns are large, and never the same
  });
}

function readOf(pages: readonly TimelinePage[]): RunsRead {
  return { pages: [...pages], runs: timelineRuns(pages) };
}
