import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { RunItem } from "~/api/runs";
import { FlowRunCells, FlowRunHeads } from "~/features/runs/FlowRunCells";
import { TaskRunCells, TaskRunHeads } from "~/features/runs/TaskRunCells";
import { useNarrow } from "~/features/runs/useNarrow";

const ROW = 37;
const TALL_ROW = 62;
const AHEAD = 30; // rows before the end at which older runs are read

interface Props {
  readonly items: readonly RunItem[];
  readonly isTask: boolean;
  readonly selected: ReadonlySet<string>;
  readonly select: (ids: readonly string[], isSelected: boolean) => void;
  readonly setView: (first: number, last: number) => void;
  readonly readOn: (() => void) | null;
}

/** The runs as rows of a table as long as there are runs; only those in view are there. */
export function RunsList({ items, isTask, selected, select, setView, readOn }: Props) {
  const isNarrow = useNarrow();
  const list = useRef<HTMLDivElement>(null);
  const margin = useTop(list);
  const anchor = useRef(0);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => document.getElementById("content"),
    estimateSize: () => (isNarrow ? TALL_ROW : ROW),
    getItemKey: (index) => items[index]?.id ?? index,
    overscan: 12,
    scrollMargin: margin,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height of all rows is measured anew
  useEffect(() => virtual.measure(), [isNarrow]);
  const rows = virtual.getVirtualItems();
  const first = rows[0]?.index ?? 0;
  const last = rows.at(-1)?.index ?? 0;
  useEffect(() => setView(first, last), [setView, first, last]);
  useEffect(() => {
    if (readOn && last >= items.length - AHEAD) readOn();
  }, [readOn, last, items.length]);

  const pick = (index: number, isSelected: boolean, withShift: boolean) => {
    const [from, to] = withShift ? [anchor.current, index].sort((a, b) => a - b) : [index, index];
    anchor.current = index;
    select(
      items.slice(from, (to ?? index) + 1).map(({ id }) => id),
      isSelected,
    );
  };
  const kind = isTask ? "runs-of-tasks" : "runs-of-flows";
  return (
    <div
      className={`runs-table ${kind}`}
      role="table"
      aria-label={isTask ? "Task runs" : "Flow runs"}
      aria-rowcount={items.length + 1}
    >
      <div className="runs-row runs-head" role="row">
        <span role="columnheader">
          <input
            type="checkbox"
            aria-label="Select all that are listed"
            checked={items.length > 0 && items.every(({ id }) => selected.has(id))}
            onChange={({ target }) =>
              select(
                items.map(({ id }) => id),
                target.checked,
              )
            }
          />
        </span>
        {isTask ? <TaskRunHeads /> : <FlowRunHeads />}
      </div>
      <div
        ref={list}
        role="rowgroup"
        className="runs-rows"
        style={{ height: virtual.getTotalSize() }}
      >
        {rows.map(({ index, start, key }) => {
          const run = items[index] as RunItem;
          return (
            <div
              key={key}
              className="runs-row"
              role="row"
              aria-rowindex={index + 2}
              aria-selected={selected.has(run.id)}
              style={{ transform: `translateY(${start - margin}px)` }}
            >
              <span role="cell">
                <input
                  type="checkbox"
                  aria-label={`Select ${run.name}`}
                  checked={selected.has(run.id)}
                  onClick={(event) => pick(index, event.currentTarget.checked, event.shiftKey)}
                  onChange={() => {}} // the click tells whether the shift key is down
                />
              </span>
              {"task" in run ? <TaskRunCells run={run} /> : <FlowRunCells run={run} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** How far an element is below the top of the page's content, as what is above it grows. */
function useTop(element: React.RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const content = document.getElementById("content");
    const page = element.current?.closest(".page");
    if (!content || !page) return;
    const measure = () => {
      const found = element.current?.getBoundingClientRect();
      if (!found) return;
      setTop(Math.round(found.top - content.getBoundingClientRect().top + content.scrollTop));
    };
    const observer = new ResizeObserver(measure);
    for (const part of page.children) observer.observe(part);
    measure();
    return () => observer.disconnect();
  }, [element]);
  return top;
}
