import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef } from "react";
import { LogRow } from "~/features/logs/LogRow";
import type { Lines } from "~/features/logs/useLines";
import "./logs.css";

interface Props {
  readonly lines: Lines;
  readonly words: readonly string[];
  /** Whether the last line is the newest: the view begins there. */
  readonly isLatest: boolean;
  readonly following: boolean;
  readonly setFollowing?: (following: boolean) => void;
  /** Whether each line says of which task run it is. */
  readonly hasRuns?: boolean;
}

const ROW = 22;
const NEAR = 40; // pixels from the end at which one is still at the end
const AHEAD = 30; // lines before the end of what is known at which more is read

/** Lines of which only those in view are in the page, and only those around it in the browser. */
export function LogLines({ lines, words, isLatest, following, setFollowing, hasRuns }: Props) {
  const { window, followed } = lines;
  const { begin, end } = window;
  const scroller = useRef<HTMLDivElement>(null);
  const count = end - begin + followed.length;
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => begin + index,
    overscan: 20,
  });
  const items = virtual.getVirtualItems();
  const first = begin + (items[0]?.index ?? 0);
  const last = begin + (items.at(-1)?.index ?? 0);

  const isPlaced = useRef(!isLatest);
  useLayoutEffect(() => {
    if (count === 0 || !(following || !isPlaced.current)) return;
    isPlaced.current = true;
    virtual.scrollToIndex(count - 1, { align: "end" });
  }, [following, count, virtual]);
  useKeptPlace(begin, scroller, isPlaced);
  useEffect(() => {
    window.look(first, last);
    if (last >= end - AHEAD && followed.length === 0) void window.more("on");
    if (first <= begin + AHEAD && isPlaced.current) void window.more("back");
  }, [window, first, last, begin, end, followed.length]);

  const scrolled = () => {
    const element = scroller.current;
    if (!element || !isLatest || !setFollowing) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (following && below > 4 * NEAR) setFollowing(false);
    if (!following && below < NEAR) setFollowing(true);
  };

  return (
    <div className="lines" ref={scroller} tabIndex={0} onScroll={scrolled}>
      <div
        className="lines-all"
        role="log"
        aria-live="off"
        aria-label="Log lines"
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map(({ key, index, start }) => {
          const place = begin + index;
          const line = place < end ? window.at(place) : followed[place - end];
          return (
            <div
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className="lines-place"
              style={{ transform: `translateY(${start}px)` }}
            >
              {line ? (
                <LogRow line={line} words={words} hasRun={hasRuns ?? false} />
              ) : (
                <div className="line line-away" />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Lines that come in above leave those in view where they are. */
function useKeptPlace(
  begin: number,
  scroller: { current: HTMLDivElement | null },
  isPlaced: { current: boolean },
): void {
  const before = useRef(begin);
  useLayoutEffect(() => {
    const added = before.current - begin;
    before.current = begin;
    const element = scroller.current;
    if (added > 0 && element && isPlaced.current) element.scrollTop += added * ROW;
  }, [begin, scroller, isPlaced]);
}
