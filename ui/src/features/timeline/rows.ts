/** The rows as the keys go through them, and as they are read out. */

import { heightOf, RULER, type Scene } from "~/features/timeline/scene";
import type { View } from "~/features/timeline/view";
import type { Group, Row } from "~/model/timeline";

/** The next row that has a name, in steps of 1 or -1; the same one where there is no further. */
export function nextRow(scene: Scene, from: number, step: 1 | -1): number {
  const begin = from < 0 && step < 0 ? scene.rows.length : from;
  for (let at = begin + step; at >= 0 && at < scene.rows.length; at += step) {
    if (scene.rows[at]?.kind !== "lane") return at;
  }
  return from;
}

/** The view moved up or down as far as a row is out of it. */
export function viewWith(view: View, scene: Scene, row: number, height: number): View {
  const [top, bottom] = [scene.tops[row] as number, scene.tops[row + 1] as number];
  const room = Math.min(height - RULER, heightOf(scene));
  return { ...view, top: Math.min(Math.max(view.top, bottom - room), top) };
}

/** What a row is, in words; `textOf` has those of a run. */
export function rowText(row: Row | undefined, textOf: (run: number) => string): string {
  if (row === undefined || row.kind === "lane") return "";
  if (row.kind === "run") {
    const does = row.unfolded === null ? "" : row.unfolded ? ", unfolded" : ", folded";
    return textOf(row.run) + does;
  }
  return `${groupText(row.group)}, ${row.unfolded ? "unfolded" : "folded"}`;
}

export function groupText({ name, runs, bad, retried }: Group): string {
  const parts = [`${name}: ${runs.length.toLocaleString("en")} runs`];
  if (bad > 0) parts.push(`${bad.toLocaleString("en")} failed`);
  if (retried > 0) parts.push(`${retried.toLocaleString("en")} tried again`);
  return parts.join(", ");
}
