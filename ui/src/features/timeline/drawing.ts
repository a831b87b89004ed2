/** What is drawn, and where a time lies in it. */

import type { Palette } from "~/features/timeline/palette";
import { gutterOf, type Scene } from "~/features/timeline/scene";
import type { View } from "~/features/timeline/view";
import type { RunColumns } from "~/model/timeline";

export interface Drawing {
  readonly columns: RunColumns;
  readonly scene: Scene;
  readonly view: View;
  readonly now: number;
  readonly isLive: boolean;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
  readonly nameOf: (run: number) => string;
  /** The run that is selected or pointed at, -1 for none. */
  readonly marked: number;
  /** The row that the keys are at, -1 for none. */
  readonly cursor: number;
}

/** Where a time lies on the canvas. */
export function xOf(one: Pick<Drawing, "view" | "width">, time: number): number {
  const { from, to } = one.view;
  const gutter = gutterOf(one.width);
  return gutter + ((time - from) / (to - from)) * (one.width - gutter);
}

/** The time at a place on the canvas. */
export function timeAt(one: Pick<Drawing, "view" | "width">, x: number): number {
  const { from, to } = one.view;
  const gutter = gutterOf(one.width);
  return from + ((x - gutter) / (one.width - gutter)) * (to - from);
}
