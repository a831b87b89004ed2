import { queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { TimelinePage } from "~/api/shapes";
import { timelineRuns } from "~/model/timelineRuns";

const AT_ONCE = 25_000;

/** All task runs of a flow run, as columns. */
export function timeline(flowRun: string) {
  return queryOptions({
    queryKey: ["timeline", flowRun],
    queryFn: async ({ client, queryKey, signal }) => {
      const first = await onePage(flowRun, null, signal);
      const isNew = client.getQueryData(queryKey) === undefined;
      // Something to look at while the rest of a large run is on its way.
      if (isNew && first.next !== null) client.setQueryData(queryKey, timelineRuns([first]));
      return timelineRuns([first, ...(await pagesAfter(flowRun, first.next, signal))]);
    },
    staleTime: 10_000,
    structuralSharing: false, // the columns are large, and never the same
  });
}

async function pagesAfter(
  flowRun: string,
  next: string | null,
  signal: AbortSignal,
): Promise<TimelinePage[]> {
  const pages: TimelinePage[] = [];
  let cursor = next;
  while (cursor !== null) {
    const page = await onePage(flowRun, cursor, signal);
    pages.push(page);
    cursor = page.next;
  }
  return pages;
}

function onePage(
  flowRun: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<TimelinePage> {
  return get(`/flow-runs/${flowRun}/timeline`, { limit: AT_ONCE, cursor }, signal);
}
