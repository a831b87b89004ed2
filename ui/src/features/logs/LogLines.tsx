import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef } from "react";
import type { Line } from "~/api/shapes";
import { LogRow } from "~/features/logs/LogRow";

interface Props {
  readonly lines: readonly Line[];
  readonly words: readonly string[];
  /** Whether the last line is the newest: more is then above, else below. */
  readonly isLatest: boolean;
  readonly following: boolean;
  readonly setFollowing: (following: boolean) => void;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly more: () => Promise<unknown>;
}

const ROW = 22;
const NEAR = 40; // pixels from the end at which one is still at the end

/** Lines of which only those in view are in the page. */
export function LogLines(props: Props) {
  const { lines, isLatest, following, setFollowing, hasMore, isLoading, more } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => lines[index]?.id ?? index,
    overscan: 20,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const isAtEnd = last >= lines.length - 30;

  useEffect(() => {
    if (!isLatest && isAtEnd && hasMore && !isLoading) void more();
  }, [isLatest, isAtEnd, hasMore, isLoading, more]);
  const first = useRef(isLatest);
  useLayoutEffect(() => {
    if (lines.length === 0 || !(following || first.current)) return;
    first.current = false;
    virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [following, lines.length, virtual]);

  const older = async () => {
    const before = lines[0]?.id;
    await more();
    requestAnimationFrame(() => {
      const index = latest.current.findIndex((line) => line.id === before);
      if (index > 0) virtual.scrollToIndex(index, { align: "start" });
    });
  };
  const latest = useRef(lines);
  latest.current = lines;
  const scrolled = () => {
    const element = scroller.current;
    if (!element || !isLatest) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (following && below > 4 * NEAR) setFollowing(false);
    if (!following && below < NEAR) setFollowing(true);
  };

  return (
    <div className="lines" ref={scroller} tabIndex={0} onScroll={scrolled}>
      {isLatest && hasMore ? (
        <button
          type="button"
          className="button button-plain lines-older"
          disabled={isLoading}
          onClick={older}
        >
          {isLoading ? "Loading…" : "Show older lines"}
        </button>
      ) : null}
      <div
        className="lines-all"
        role="log"
        aria-live="off"
        aria-label="Log lines"
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map(({ index, start }) => {
          const line = lines[index];
          if (line === undefined) return null;
          return (
            <div
              key={line.id}
              ref={virtual.measureElement}
              data-index={index}
              className="lines-place"
              style={{ transform: `translateY(${start}px)` }}
            >
              <LogRow line={line} words={props.words} />
            </div>
          );
        })}
      </div>
    </div>
  );
}
