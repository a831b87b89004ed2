/** What lies under the pointer. */

import { timeAt } from "~/features/timeline/drawing";
import { gutterOf, RULER, rowAt, type Scene } from "~/features/timeline/scene";
import type { View } from "~/features/timeline/view";
import { beginOf, firstAfter, type Row, type RunColumns } from "~/model/timeline";

/** A run, or the task whose row unfolds; -1 for none. */
export interface Target {
  readonly run: number;
  readonly group: number;
  /** Whether it is the name of a flow run, which unfolds it. */
  readonly opens: boolean;
}

const NOTHING: Target = { run: -1, group: -1, opens: false };
const NEAR = 4; // pixels by which a thin bar may be missed

export function targetAt(
  one: { columns: RunColumns; scene: Scene; view: View; now: number; width: number },
  x: number,
  y: number,
): Target {
  const index = y < RULER ? -1 : rowAt(one.scene, y - RULER + one.view.top);
  if (index < 0) return NOTHING;
  const row = one.scene.rows[index] as Row;
  if (row.kind === "group") return { ...NOTHING, group: row.group.task };
  if (x < gutterOf(one.width)) {
    if (row.kind === "lane") return NOTHING;
    return { run: row.run, group: -1, opens: row.unfolded !== null };
  }
  const runs = row.kind === "lane" ? row.runs : Uint32Array.of(row.run);
  const at = firstAfter(one.columns, runs, timeAt(one, x - NEAR), one.now);
  const run = runs[at];
  if (run === undefined || beginOf(one.columns, run) > timeAt(one, x + NEAR)) return NOTHING;
  return { run, group: -1, opens: false };
}
