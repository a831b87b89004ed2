/** What travels, by the names that the page uses; generated from the server's OpenAPI document. */

import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type FlowRun = Shapes["FlowRunShown"];
export type FlowRunItem = Shapes["FlowRunItem"];
export type FlowRunPage = Shapes["FlowRunPage"];
export type TaskRun = Shapes["TaskRunShown"];
export type TaskRunItem = Shapes["TaskRunItem"];
export type TaskRunPage = Shapes["TaskRunPage"];
export type StateRuns = Shapes["StateRuns"];
export type StateWanted = Shapes["StateWanted"];
export type TimelinePage = Shapes["Timeline"];
export type Line = Shapes["LineItem"];
export type LinePage = Shapes["LinePage"];

/** How many runs counts by state are of. */
export function totalOf(counts: readonly StateRuns[]): number {
  return counts.reduce((sum, { runs }) => sum + runs, 0);
}
