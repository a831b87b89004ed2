import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { address, get } from "~/api/client";
import type { LinePage } from "~/api/shapes";

/** Which lines of a flow run to list. `after` is a time. */
export interface LinesWanted {
  readonly flow_run: string;
  readonly task_run?: string | undefined;
  readonly task?: string | undefined;
  readonly level?: number | undefined;
  readonly text?: string | undefined;
  readonly at_after?: string | undefined;
}

const AT_ONCE = 500;

/** Lines page by page: from the first one on, or from the newest one back. */
export function logLines(wanted: LinesWanted, newestFirst: boolean) {
  return infiniteQueryOptions({
    queryKey: ["log-lines", wanted.flow_run, wanted, newestFirst],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...wanted, newest_first: newestFirst, limit: AT_ONCE, cursor: pageParam };
      return get<LinePage>("/log-lines", query, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    staleTime: Number.POSITIVE_INFINITY, // lines never change; what is new is followed
  });
}

/** What came after all that `since` has seen. */
export function followLines(wanted: LinesWanted, since: string): Promise<LinePage> {
  return get<LinePage>("/log-lines/follow", { ...wanted, since, limit: 1_000 });
}

/** The errors that a run logged itself, the newest first: tracebacks are among them. */
export function errorLines(wanted: LinesWanted) {
  return queryOptions({
    queryKey: ["error-lines", wanted],
    queryFn: ({ signal }) => {
      const query = { ...wanted, level: 40, newest_first: true, limit: 20 };
      return get<LinePage>("/log-lines", query, signal);
    },
  });
}

export function downloadAddress(wanted: LinesWanted): string {
  return address("/log-lines/download", { ...wanted });
}
