import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { followLines, type LinesWanted, logLines } from "~/api/logs";
import type { Line } from "~/api/shapes";
import { paced } from "~/live/paced";
import { listen } from "~/live/stream";

const MOST_FOLLOWED = 20_000; // lines that a page left open keeps of what came meanwhile

/** The lines of a run: from the first on, or (`isLatest`) the newest and what follows them. */
export function useLines(wanted: LinesWanted, isLatest: boolean) {
  const found = useInfiniteQuery({
    ...logLines(wanted, isLatest),
    placeholderData: keepPreviousData, // so that a search does not blink
  });
  const pages = found.data?.pages;
  const listed = useMemo(() => {
    const all = pages?.flatMap((page) => page.items) ?? [];
    return isLatest ? all.reverse() : all;
  }, [pages, isLatest]);
  const since = isLatest && !found.isPlaceholderData ? pages?.[0]?.follow : undefined;
  const followed = useFollowed(wanted, since);
  const lines = useMemo(
    () => (followed.lines.length > 0 ? [...listed, ...followed.lines] : listed),
    [listed, followed.lines],
  );
  return { found, lines, error: found.error ?? followed.error };
}

/** What came after the lines that `since` has seen; the last ones come when the run is over. */
function useFollowed(wanted: LinesWanted, since: string | undefined) {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [error, setError] = useState<Error | null>(null);
  const key = JSON.stringify(wanted);
  useEffect(() => {
    setLines([]);
    setError(null);
    if (since === undefined) return;
    const asked = JSON.parse(key) as LinesWanted;
    let place = since;
    let isOver = false;
    const read = async () => {
      try {
        let isMore = true;
        while (isMore && !isOver) {
          const page = await followLines(asked, place);
          if (isOver) return;
          place = page.follow;
          isMore = page.items.length === 1_000;
          if (page.items.length > 0) {
            setLines((before) => [...before, ...page.items].slice(-MOST_FOLLOWED));
          }
        }
        setError(null);
      } catch (problem) {
        setError(problem as Error);
      }
    };
    const pace = paced(read);
    const end = listen([`lines:${asked.flow_run}`], () => pace.ask());
    pace.ask(); // what came between the list and the stream
    return () => {
      isOver = true;
      end();
      pace.stop();
    };
  }, [key, since]);
  return { lines, error };
}
