import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { StateBar } from "./StateBar";

const COUNTS = [
  { type: "RUNNING", runs: 3 },
  { type: "COMPLETED", runs: 1 },
];

test("a bar of progress leaves empty what is not over, at its end", () => {
  const bar = renderToStaticMarkup(createElement(StateBar, { counts: COUNTS, isProgress: true }));
  expect(bar.match(/fill-\w+/g)).toEqual(["fill-completed"]);
  expect(bar).toMatch(/fill-completed.*flex-grow:3/);
});

test("a bar of states shows each of them", () => {
  const bar = renderToStaticMarkup(createElement(StateBar, { counts: COUNTS }));
  expect(bar.match(/fill-\w+/g)).toEqual(["fill-running", "fill-completed"]);
});
