/** The table in an artifact: a list of dicts, a list of lists, or a dict of lists, as rows. */

export interface Table {
  /** Empty where rows are plain lists. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** Whether a column holds numbers only, so that they stand below each other. */
  readonly isNumeric: readonly boolean[];
}

/** Read a table from the data of an artifact, null where it holds none. */
export function artifactTable(data: string): Table | null {
  let found: unknown;
  try {
    found = JSON.parse(data);
  } catch {
    return null; // cut, or of another kind: it is shown as the text that it is
  }
  if (Array.isArray(found)) return ofRows(found);
  if (isObject(found)) return ofColumns(found);
  return null;
}

/** What stands in a cell. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function ofRows(found: readonly unknown[]): Table | null {
  if (found.every(isObject)) {
    const columns = [...new Set(found.flatMap((row) => Object.keys(row)))];
    return table(
      columns,
      found.map((row) => columns.map((name) => row[name])),
    );
  }
  return found.every(Array.isArray) ? table([], found) : null;
}

function ofColumns(found: Record<string, unknown>): Table | null {
  const columns = Object.keys(found);
  const values = Object.values(found);
  if (!values.every(Array.isArray)) return null;
  const size = Math.max(0, ...values.map((column) => column.length));
  return table(
    columns,
    Array.from({ length: size }, (_, row) => values.map((column) => column[row] as unknown)),
  );
}

function table(columns: readonly string[], rows: readonly (readonly unknown[])[]): Table {
  const width = rows.reduce((most, row) => Math.max(most, row.length), columns.length);
  const isNumeric = Array.from({ length: width }, (_, column) => {
    const filled = rows.filter((row) => cellText(row[column]) !== "");
    return filled.length > 0 && filled.every((row) => typeof row[column] === "number");
  });
  return { columns, rows, isNumeric };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
