/** Where the rows lie, in pixels from the first one. */

import type { Row } from "~/model/timeline";

/** The pixels that labels take of a canvas so wide. */
export function gutterOf(width: number): number {
  return width < 640 ? 132 : 216;
}
export const RULER = 26;
const HEIGHTS = { group: 34, run: 24, lane: 11 } as const satisfies Record<Row["kind"], number>;

export interface Scene {
  readonly rows: readonly Row[];
  /** The top of each row, and the height of all behind the last one. */
  readonly tops: Float64Array;
}

export function stack(rows: readonly Row[]): Scene {
  const tops = new Float64Array(rows.length + 1);
  for (const [index, row] of rows.entries()) {
    tops[index + 1] = (tops[index] as number) + HEIGHTS[row.kind];
  }
  return { rows, tops };
}

export function heightOf(scene: Scene): number {
  return scene.tops[scene.rows.length] as number;
}

/** The index of the row at a height, -1 above the first and behind the last. */
export function rowAt(scene: Scene, y: number): number {
  if (y < 0 || y >= heightOf(scene)) return -1;
  let low = 0;
  let high = scene.rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((scene.tops[middle] as number) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}
