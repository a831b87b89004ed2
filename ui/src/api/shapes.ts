/** What travels, by the names that the page uses; generated from the server's OpenAPI document. */

import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type FlowRun = Shapes["FlowRunShown"];
export type FlowRunItem = Shapes["FlowRunItem"];
export type FlowRunPage = Shapes["FlowRunPage"];
export type TaskRun = Shapes["TaskRunShown"];
export type TaskRunItem = Shapes["TaskRunItem"];
export type TaskRunPage = Shapes["TaskRunPage"];
export type RunInput = Shapes["InputShown"];
export type Progress = Shapes["ProgressShown"];
export type RunResult = Shapes["ResultShown"];
export type RunProcess = Shapes["RunProcess"];
export type StateRuns = Shapes["StateRuns"];
export type StateWanted = Shapes["StateWanted"];
export type TimelinePage = Shapes["Timeline"];
export type RunGraph = Shapes["RunGraph"];
export type GraphNode = Shapes["GraphNode"];
export type GraphEdge = Shapes["GraphEdge"];
export type UnfoldedGroup = Shapes["UnfoldedGroup"];
export type ArtifactItem = Shapes["ArtifactItem"];
export type ArtifactPage = Shapes["ArtifactPage"];
export type Dashboard = Shapes["Dashboard"];
export type FlowPage = Shapes["FlowPage"];
export type TaskPage = Shapes["TaskPage"];
export type LimitPage = Shapes["LimitPage"];
export type Outcomes = Shapes["Outcomes"];
export type SavedFilter = Shapes["FilterItem"];
export type SavedFilterPage = Shapes["FilterPage"];
export type Line = Shapes["LineItem"];
export type LinePage = Shapes["LinePage"];

/** How many runs counts by state are of. */
export function totalOf(counts: readonly StateRuns[]): number {
  return counts.reduce((sum, { runs }) => sum + runs, 0);
}
