import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { cellText, type Table } from "~/model/artifactTable";

const ROW = 32;
const FEW = 200;

/** A table; of a long one only the rows in view are there. */
export function ArtifactTable({ table }: { table: Table }) {
  return (
    <>
      {table.rows.length > FEW ? <LongTable table={table} /> : <WholeTable table={table} />}
      <p className="artifact-size muted num">
        {table.rows.length.toLocaleString("en")} {table.rows.length === 1 ? "row" : "rows"},{" "}
        {table.isNumeric.length} columns
      </p>
    </>
  );
}

function WholeTable({ table }: { table: Table }) {
  return (
    // What scrolls is scrolled by keyboard too.
    <div className="artifact-table" tabIndex={0} role="group" aria-label="Table">
      <table className="table">
        <Head table={table} />
        <tbody>
          {table.rows.map((row, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows never change places
            <Row key={place} table={table} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LongTable({ table }: { table: Table }) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: table.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 20,
  });
  const shown = virtual.getVirtualItems();
  const above = shown[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    // What scrolls is scrolled by keyboard too.
    <div className="artifact-table" ref={scroller} tabIndex={0} role="group" aria-label="Table">
      <table className="table artifact-long" aria-rowcount={table.rows.length + 1}>
        <Head table={table} />
        <tbody>
          <tr style={{ height: above }} />
          {shown.map(({ index }) => (
            <Row key={index} table={table} row={table.rows[index] ?? []} />
          ))}
          <tr style={{ height: below }} />
        </tbody>
      </table>
    </div>
  );
}

function Head({ table }: { table: Table }) {
  if (table.columns.length === 0) return null;
  return (
    <thead>
      <tr>
        {table.columns.map((name, column) => (
          <th key={name} scope="col" className={table.isNumeric[column] ? "right" : ""}>
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Row({ table, row }: { table: Table; row: readonly unknown[] }) {
  return (
    <tr>
      {table.isNumeric.map((isNumeric, column) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: columns never change places
        <td key={column} className={isNumeric ? "right num" : ""}>
          {cellText(row[column])}
        </td>
      ))}
    </tr>
  );
}
