import { expect, test } from "vitest";
import { nextRow, rowText, viewWith } from "~/features/timeline/rows";
import { stack } from "~/features/timeline/scene";
import { pan, wholeView, zoom } from "~/features/timeline/view";
import { type Group, layRows, type Row, type RunColumns } from "~/model/timeline";
import { groupRuns } from "~/model/timelineGroups";

const WHOLE = wholeView(0, 100);

test("zooming keeps the moment under the pointer where it is", () => {
  const closer = zoom(WHOLE, 0.5, 25, WHOLE);
  expect(closer.to - closer.from).toBeCloseTo((WHOLE.to - WHOLE.from) / 2);
  const share = (25 - WHOLE.from) / (WHOLE.to - WHOLE.from);
  expect((25 - closer.from) / (closer.to - closer.from)).toBeCloseTo(share);
});

test("zooming ends at half as much again as there is, and at 10 microseconds", () => {
  const far = zoom(WHOLE, 1_000, 50, WHOLE);
  expect(far.to - far.from).toBeCloseTo((WHOLE.to - WHOLE.from) * 1.5);
  const near = zoom(WHOLE, 1e-12, 50, WHOLE);
  expect(near.to - near.from).toBeCloseTo(1e-5);
});

test("moving never loses sight of the runs", () => {
  const view = zoom(WHOLE, 0.1, 50, WHOLE);
  expect(pan(view, -1_000, 0, WHOLE, 0).to).toBeGreaterThanOrEqual(WHOLE.from);
  expect(pan(view, 1_000, 0, WHOLE, 0).from).toBeLessThanOrEqual(WHOLE.to);
  expect(pan(view, 0, 1_000, WHOLE, 300).top).toBe(300);
  expect(pan(view, 0, -1_000, WHOLE, 300).top).toBe(0);
});

function manyAndFew(): { columns: RunColumns; groups: readonly Group[] } {
  const task = Uint32Array.from({ length: 24 }, (_, run) => (run < 20 ? 0 : 1));
  const start = Float64Array.from(task, (_, run) => run);
  const columns: RunColumns = {
    taskNames: ["many", "few"],
    isFlow: [false, false],
    task,
    parent: new Int32Array(24).fill(-1),
    created: start,
    start,
    end: start.map((one) => one + 5),
    state: new Uint8Array(24).fill(3),
    tries: new Map([[0, { attempts: 2, turns: [0, 1, 2, 5] }]]),
  };
  return { columns, groups: groupRuns(columns, 99) };
}

test("the keys go through rows with a name, and stay at the ends", () => {
  const { columns, groups } = manyAndFew();
  const scene = stack(layRows(columns, groups, new Set([0]), 99));
  const lanes = scene.rows.filter(({ kind }) => kind === "lane").length;
  expect(lanes).toBe(5);
  expect(nextRow(scene, -1, 1)).toBe(0);
  expect(nextRow(scene, 0, 1)).toBe(lanes + 1);
  expect(nextRow(scene, lanes + 1, -1)).toBe(0);
  expect(nextRow(scene, 0, -1)).toBe(0);
  const last = scene.rows.length - 1;
  expect(nextRow(scene, last, 1)).toBe(last);
  expect(nextRow(scene, -1, -1)).toBe(last);
});

test("a row that the keys reach is in view", () => {
  const { columns, groups } = manyAndFew();
  const scene = stack(layRows(columns, groups, new Set([0]), 99));
  const last = scene.rows.length - 1;
  const height = 26 + 60;
  const down = viewWith(WHOLE, scene, last, height);
  expect(down.top).toBe((scene.tops[last + 1] as number) - 60);
  expect(viewWith(down, scene, 0, height).top).toBe(0);
  expect(viewWith(WHOLE, scene, 0, height)).toEqual(WHOLE);
});

test("a row is read out with what is in it and whether it is unfolded", () => {
  const { columns, groups } = manyAndFew();
  const rows: readonly Row[] = layRows(columns, groups, new Set(), 99);
  const textOf = (run: number) => `run ${run}`;
  expect(rowText(rows[0], textOf)).toBe("many: 20 runs, 1 tried again, folded");
  expect(rowText(rows[1], textOf)).toBe("run 20");
  expect(rowText(undefined, textOf)).toBe("");
});
