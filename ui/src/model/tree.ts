/** A JSON value as rows of a tree: only what is unfolded, so that a large one costs little. */

export interface TreeRow {
  /** The way from the top, which tells rows apart: names and places as JSON. */
  readonly path: string;
  readonly depth: number;
  readonly name: string | null;
  readonly value: unknown;
  /** How many items a list or an object has, null for what does not unfold. */
  readonly size: number | null;
  readonly isOpen: boolean;
  /** How many items are not shown below the row before. */
  readonly rest: number;
}

export const AT_ONCE = 100; // items of one list or object that are shown, until more are asked for

/** What is unfolded: the paths of rows, and of how many items of each are to be shown. */
export type Unfolded = ReadonlyMap<string, number>;

export function treeRows(value: unknown, unfolded: Unfolded): readonly TreeRow[] {
  const rows: TreeRow[] = [];
  add(rows, { path: "$", depth: 0, name: null, value }, unfolded);
  return rows;
}

/** The top, and what is below it as long as that are few rows. */
export function firstUnfolded(value: unknown, most = 60): Unfolded {
  const found = new Map<string, number>();
  let rows = 1;
  let level: { path: string; value: unknown }[] = [{ path: "$", value }];
  while (level.length > 0) {
    const next: { path: string; value: unknown }[] = [];
    for (const { path, value: one } of level) {
      const size = sizeOf(one);
      if (size === null || (path !== "$" && rows + size > most)) continue;
      rows += Math.min(size, AT_ONCE);
      found.set(path, AT_ONCE);
      for (const [name, item] of itemsOf(one, AT_ONCE))
        next.push({ path: below(path, name), value: item });
    }
    level = next;
  }
  return found;
}

/** What a value is in few words, where it does not unfold or is folded. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 1 ? "[1 item]" : `[${value.length} items]`;
  if (isObject(value)) {
    const names = Object.keys(value);
    if (names.length === 0) return "{}";
    const shown = names.slice(0, 4).join(", ");
    return `{${shown}${names.length > 4 ? ", …" : ""}}`;
  }
  return JSON.stringify(value) ?? "null";
}

export function kindOf(value: unknown): "text" | "number" | "word" | "list" | "object" {
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  if (Array.isArray(value)) return "list";
  return isObject(value) ? "object" : "word";
}

function add(
  rows: TreeRow[],
  one: { path: string; depth: number; name: string | null; value: unknown },
  unfolded: Unfolded,
): void {
  const size = sizeOf(one.value);
  const shown = size ? (unfolded.get(one.path) ?? 0) : 0;
  rows.push({ ...one, size, isOpen: shown > 0, rest: 0 });
  if (shown === 0 || size === null) return;
  for (const [name, value] of itemsOf(one.value, shown)) {
    add(rows, { path: below(one.path, name), depth: one.depth + 1, name, value }, unfolded);
  }
  if (size > shown) {
    const rest = size - shown;
    const { path, depth } = one;
    rows.push({ path, depth: depth + 1, name: null, value: null, size: null, isOpen: false, rest });
  }
}

function sizeOf(value: unknown): number | null {
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : null;
}

function itemsOf(value: unknown, most: number): [string, unknown][] {
  if (Array.isArray(value)) {
    return value.slice(0, most).map((item, place) => [String(place), item]);
  }
  return Object.entries(value as object).slice(0, most);
}

function below(path: string, name: string): string {
  return `${path}/${name.replaceAll("/", "~1")}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
