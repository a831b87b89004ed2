import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { ApiError } from "~/api/client";
import { AT_ONCE, type RunItem, type RunsPage, runsList, runsPage } from "~/api/runs";
import { paced } from "~/live/paced";
import { listen } from "~/live/stream";
import type { RunFilter } from "~/model/filters";
import { type Pages, withPage } from "~/model/runPages";

type Listed = Pages<RunItem, RunsPage>;

const PACE_MS = 500;
const FEW = 5;
const FOLLOWED = 4; // pages in a row with few runs that are followed without being asked to

/** The runs that fit; those in view are kept up to date, the others when they come into view. */
export function useRunsList(filter: RunFilter) {
  const options = useMemo(() => runsList(filter), [filter]);
  const found = useInfiniteQuery({ ...options, refetchOnWindowFocus: false });
  const pages = found.data?.pages;
  const items = useMemo(() => pages?.flatMap((page): RunItem[] => [...page.items]) ?? [], [pages]);
  const live = useLivePages(filter, options.queryKey, pages !== undefined);

  const { hasNextPage } = found;
  const last = pages?.slice(-FOLLOWED) ?? [];
  const isFutile = last.length === FOLLOWED && last.every((page) => page.items.length < FEW);
  return {
    found,
    items,
    ...live,
    /** Whether older ones are to be read as one scrolls: not where look after look found few. */
    goesOn: hasNextPage && !isFutile,
    searchedTo: pages?.at(-1)?.searched_to ?? null,
  };
}

/** Keep a list up to date from when it is there: the stream's first word is to read it anew. */
function useLivePages(
  filter: RunFilter,
  queryKey: ReturnType<typeof runsList>["queryKey"],
  isThere: boolean,
) {
  const queries = useQueryClient();
  const view = useRef<readonly [number, number]>([0, AT_ONCE]);
  const old = useRef(new Set<number>());
  const acts = useRef({ ask: () => {}, look: () => {} });

  useEffect(() => {
    if (!isThere) return;
    const readAnew = async () => {
      const list = queries.getQueryData(queryKey);
      let to = 0;
      for (const [place, page] of list?.pages.entries() ?? []) {
        const from = to;
        to += page.items.length;
        if (!old.current.has(place)) continue;
        if (from > view.current[1] || to < view.current[0]) continue;
        old.current.delete(place);
        const isLast = list?.pages.length === place + 1;
        const asked = isLast ? Math.max(AT_ONCE, page.items.length) : 2 * AT_ONCE;
        const cursor = list?.pageParams[place] as string | null;
        const fresh = await runsPage(filter, cursor, asked);
        queries.setQueryData(queryKey, (now) => {
          return now && (withPage(now as Listed, place, fresh, asked) as typeof now);
        });
      }
    };
    const pace = paced(() => readAnew().catch(forgive), PACE_MS);
    const look = () => {
      const count = queries.getQueryData(queryKey)?.pages.length ?? 0;
      for (let place = 0; place < count; place += 1) old.current.add(place);
      pace.ask();
    };
    acts.current = { ask: pace.ask, look };
    const end = listen(["runs"], look);
    return () => {
      end();
      pace.stop();
    };
  }, [queries, queryKey, filter, isThere]);

  const setView = useCallback((first: number, last: number) => {
    view.current = [first, last];
    if (old.current.size > 0) acts.current.ask();
  }, []);
  const readAnew = useCallback(() => acts.current.look(), []);
  return { setView, readAnew };
}

/** What cannot be read now stays as it is: a banner says that the server is away. */
function forgive(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}
