/** Rows as comma-separated values (RFC 4180), safe to open in a spreadsheet. */

export type Cell = string | number | boolean | null | undefined;

const QUOTED = /[",\r\n]/;
const FORMULA = /^[=+\-@\t\r]/;

/** The rows as lines, each with its end: parts of one file may be made one after another. */
export function csvOf(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

function cellOf(cell: Cell): string {
  if (cell === null || cell === undefined) return "";
  if (typeof cell !== "string") return String(cell);
  // A spreadsheet would run a text of a run that begins so; numbers are not texts here.
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
