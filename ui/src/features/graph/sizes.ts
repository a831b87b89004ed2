/** How large boxes are, and where the runs in an unfolded one lie. Pixels at a zoom of 1. */

import type { Box } from "~/model/graph";

export const HEAD = 58;
const WIDTH = 204;
const WIDEST = 330;
const LETTER = 7.4;
const ROOM = 10;

/** A grid of cells: with names where there are few, else marks only. */
export interface Cells {
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  readonly hasNames: boolean;
}

const FEW = 30;

export function cellsOf(runs: number): Cells {
  if (runs <= FEW) {
    return { columns: runs <= 10 ? 1 : runs <= 20 ? 2 : 3, width: 196, height: 24, hasNames: true };
  }
  const columns = Math.min(40, Math.max(12, Math.ceil(Math.sqrt(runs * 1.6))));
  return { columns, width: 17, height: 17, hasNames: false };
}

/** The size of a box in which `shown` runs are unfolded, 0 for none; `isCut` for a line below. */
export function boxSize(
  box: Box,
  shown: number,
  isCut: boolean,
): { width: number; height: number } {
  const words = box.name.length * LETTER + (box.run ? 100 : 142);
  const wide = Math.min(WIDEST, Math.max(WIDTH, words));
  if (box.run !== null) return { width: wide, height: 40 };
  if (shown === 0) return { width: wide, height: HEAD };
  const { columns, width, height } = cellsOf(shown);
  const rows = Math.ceil(shown / columns);
  return {
    width: Math.max(wide, columns * width + 2 * ROOM),
    height: HEAD + rows * height + ROOM + (isCut ? 22 : 0),
  };
}

/** The middle of an unfolded run, from the top left of its box. */
export function cellMiddle(place: number, shown: number): { x: number; y: number } {
  const { columns, width, height } = cellsOf(shown);
  return {
    x: ROOM + ((place % columns) + 0.5) * width,
    y: HEAD + (Math.floor(place / columns) + 0.5) * height,
  };
}
