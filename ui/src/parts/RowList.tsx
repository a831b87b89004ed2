import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";
import { Trouble } from "~/parts/Trouble";
import "./rowList.css";

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ReactNode;
  /** `right` for numbers, `wide-only` for what a narrow screen leaves out. */
  readonly look?: string;
  /** Whether its head is for screen readers only. */
  readonly isQuiet?: boolean;
}

/** The part of an infinite query that reads on. */
export interface More {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  readonly isFetchNextPageError: boolean;
  readonly error: Error | null;
  readonly fetchNextPage: () => unknown;
}

const ROW = 48;
const AHEAD = 20;

/** Rows of a list without an end: only those in view are there, the next ones are read in time. */
export function RowList<Row>({
  name,
  look,
  columns,
  rows,
  keyOf,
  current,
  height = ROW,
  more,
}: {
  name: string;
  look: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** The key of the row that is shown beside the list. */
  current?: string | undefined;
  /** Of a row, in pixels. */
  height?: number;
  more?: More;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 10,
  });
  const shown = virtual.getVirtualItems();
  useMore(more, (shown.at(-1)?.index ?? 0) + AHEAD >= rows.length);
  return (
    <div className="row-scroller" ref={scroller}>
      <div
        role="table"
        aria-label={name}
        aria-rowcount={more?.hasNextPage ? -1 : rows.length + 1}
        className={look}
      >
        <div role="rowgroup" className="row-head">
          <div role="row" className="row-line" aria-rowindex={1}>
            {columns.map((column) => (
              <span key={column.name} role="columnheader" className={column.look ?? ""}>
                {column.isQuiet ? <span className="hidden-text">{column.name}</span> : column.name}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" className="row-rows" style={{ height: virtual.getTotalSize() }}>
          {shown.map(({ index, start }) => {
            const row = rows[index] as Row;
            return (
              <div
                key={keyOf(row)}
                role="row"
                aria-rowindex={index + 2}
                aria-current={keyOf(row) === current ? "true" : undefined}
                className="row-line"
                style={{ height, transform: `translateY(${start}px)` }}
              >
                {columns.map((column) => (
                  <span key={column.name} role="cell" className={column.look ?? ""}>
                    {column.cell(row)}
                  </span>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {more?.isFetchNextPageError ? (
        <Trouble error={more.error} retry={() => more.fetchNextPage()} />
      ) : null}
    </div>
  );
}

function useMore(more: More | undefined, isNear: boolean): void {
  const isDue =
    isNear && more?.hasNextPage && !more.isFetchingNextPage && !more.isFetchNextPageError;
  const read = more?.fetchNextPage;
  useEffect(() => {
    if (isDue) read?.();
  }, [isDue, read]);
}
