import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { followLines, type LinesWanted, readLines } from "~/api/logs";
import type { Line } from "~/api/shapes";
import { paced } from "~/live/paced";
import { listen } from "~/live/stream";
import { LineWindow, type Way } from "~/model/lineWindow";

/** Where a window on lines begins: at the newest one, at the first one, or at a time. */
export type Anchor = "latest" | "start" | { readonly at: string };

const MOST_FOLLOWED = 5_000; // lines after which a window on the newest ones begins anew
const OVERLAP = 2_000; // lines looked through for one that is told twice

/** A window on the lines of a run, and what came since at its end. */
export interface Lines {
  readonly window: LineWindow<Line>;
  readonly followed: readonly Line[];
  /** Whether the first lines were sought already. */
  readonly isSought: boolean;
  readonly error: Error | null;
  readonly again: () => void;
}

/** The lines of a run. Those that follow the newest ones are read while `isFollowing`. */
export function useLines(wanted: LinesWanted, anchor: Anchor, isFollowing: boolean): Lines {
  const key = JSON.stringify([wanted, anchor]);
  const [round, setRound] = useState(0);
  const since = useRef<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says it all; a round begins anew
  const window = useMemo(() => {
    since.current = null;
    const at = typeof anchor === "object" ? anchor.at : undefined;
    const read = async (way: Way, cursor: string | null) => {
      const page = await readLines(wanted, {
        at_after: way === "on" ? at : undefined,
        at_before: way === "back" ? at : undefined,
        newest_first: way === "back",
        cursor,
      });
      if (anchor === "latest" && cursor === null) since.current = page.follow;
      return page;
    };
    const ways = anchor === "latest" ? (["back"] as const) : (["on", "back"] as const);
    return new LineWindow<Line>(read, anchor === "start" ? ["on"] : ways);
  }, [key, round]);
  const version = useSyncExternalStore(window.subscribe, window.version);
  const followed = useFollowed(wanted, window, since, isFollowing && anchor === "latest", () =>
    setRound((before) => before + 1),
  );
  const way = anchor === "latest" ? "back" : "on";
  const isEmpty = window.end === window.begin;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a search goes on until it finds a line
  useEffect(() => {
    if (isEmpty && window.error === null) void window.more(way);
  }, [window, way, isEmpty, version]);
  return {
    window,
    followed: followed.lines,
    isSought: !isEmpty || !window.hasMore(way),
    error: window.error ?? followed.error,
    again: () => void window.more(way),
  };
}

/** What came after the newest lines; after very many of them `anew` is called. */
function useFollowed(
  wanted: LinesWanted,
  window: LineWindow<Line>,
  since: { current: string | null },
  isFollowing: boolean,
  anew: () => void,
) {
  const [found, setFound] = useState<{ of: unknown; lines: readonly Line[] }>({
    of: window,
    lines: [],
  });
  const [error, setError] = useState<Error | null>(null);
  const lines = found.of === window ? found.lines : NONE;
  const latest = useRef({ wanted, lines, anew });
  latest.current = { wanted, lines, anew };
  const topic = wanted.flow_run ? `lines:${wanted.flow_run}` : "runs";
  useEffect(() => {
    if (!isFollowing) return;
    let isOver = false;
    const read = async () => {
      try {
        let isMore = true;
        while (isMore && !isOver && since.current !== null) {
          const answer = await followLines(latest.current.wanted, since.current);
          if (isOver) return;
          since.current = answer.page.follow;
          isMore = answer.isMore;
          add(answer.page.items);
        }
        setError(null);
      } catch (problem) {
        setError(problem as Error);
      }
    };
    const add = (items: readonly Line[]) => {
      const before = latest.current.lines;
      const known = new Set(newest(window, before).map((line) => line.id));
      const added = items.filter((line) => !known.has(line.id));
      if (added.length === 0) return;
      const lines = [...before, ...added];
      if (lines.length > MOST_FOLLOWED) {
        isOver = true;
        latest.current.anew();
        return;
      }
      latest.current.lines = lines;
      setFound({ of: window, lines });
    };
    const pace = paced(read);
    const end = listen([topic], () => pace.ask());
    const begun = window.subscribe(() => pace.ask()); // what came between the list and the stream
    pace.ask();
    return () => {
      isOver = true;
      begun();
      end();
      pace.stop();
    };
  }, [window, since, isFollowing, topic]);
  return { lines, error };
}

const NONE: readonly Line[] = [];

/** The last lines that are here. */
function newest(window: LineWindow<Line>, followed: readonly Line[]): readonly Line[] {
  if (followed.length >= OVERLAP) return followed.slice(-OVERLAP);
  const found = [...followed];
  for (let place = -1; place >= window.begin && found.length < OVERLAP; place -= 1) {
    const line = window.at(place);
    if (line) found.push(line);
  }
  return found;
}
