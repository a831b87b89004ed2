import { queryOptions } from "@tanstack/react-query";
import { address, get } from "~/api/client";
import type { LinePage } from "~/api/shapes";

/** Which lines to list: of a flow run, of a task run, or of one within the other. */
export interface LinesWanted {
  readonly flow_run?: string | undefined;
  readonly task_run?: string | undefined;
  readonly task?: string | undefined;
  readonly level?: number | undefined;
  readonly text?: string | undefined;
}

/** Where to list lines: from a time on, or before it; the newest first where one goes back. */
export interface LinesPlace {
  readonly at_after?: string | undefined;
  readonly at_before?: string | undefined;
  readonly newest_first: boolean;
  readonly cursor: string | null;
}

const AT_ONCE = 500;
const FOLLOWED_AT_ONCE = 1_000;

/** A page of lines, in the order of time or the newest first. */
export function readLines(wanted: LinesWanted, place: LinesPlace): Promise<LinePage> {
  return get<LinePage>("/log-lines", { ...wanted, ...place, limit: AT_ONCE });
}

/** What came after all that `since` has seen, and whether more of it is there. */
export async function followLines(
  wanted: LinesWanted,
  since: string,
): Promise<{ page: LinePage; isMore: boolean }> {
  const query = { ...wanted, since, limit: FOLLOWED_AT_ONCE };
  const page = await get<LinePage>("/log-lines/follow", query);
  return { page, isMore: page.items.length >= FOLLOWED_AT_ONCE };
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

/** What a task run logged as attempts of it failed: each with its error, the last with a traceback. */
export function attemptLines(taskRun: string) {
  return queryOptions({
    queryKey: ["error-lines", "attempts", taskRun],
    queryFn: ({ signal }) => {
      const query = { task_run: taskRun, level: 20, text: '"failed with exception"', limit: 200 };
      return get<LinePage>("/log-lines", query, signal);
    },
  });
}

export function downloadAddress(wanted: LinesWanted): string {
  return address("/log-lines/download", { ...wanted });
}
