import { ApiError } from "~/api/client";
import {
  type Act,
  AT_ONCE,
  actOnFlowRuns,
  cancelTaskRun,
  type Meant,
  taskRunsThatFit,
} from "~/api/runs";
import type { Outcomes, TaskRunPage } from "~/api/shapes";

export type RunOutcome = Outcomes["items"][number];
type Tell = (done: readonly RunOutcome[]) => void;

/** What came of the runs so far: how many of each outcome, and the first that went otherwise. */
export interface Summary {
  readonly count: number;
  readonly counts: ReadonlyMap<RunOutcome["outcome"], number>;
  readonly reasons: readonly RunOutcome[];
}

export const NOTHING: Summary = { count: 0, counts: new Map(), reasons: [] };
const REASONS = 200;
const TOGETHER = 6; // as many requests as browsers have under way to one host

/** The summary with some more outcomes; it stays small whatever their number. */
export function withOutcomes(before: Summary, some: readonly RunOutcome[]): Summary {
  const counts = new Map(before.counts);
  for (const { outcome } of some) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const reasons = [...before.reasons, ...some.filter(({ reason }) => reason)].slice(0, REASONS);
  return { count: before.count + some.length, counts, reasons };
}

/** Act on flow runs request by request, telling what came of each, until it is stopped. */
export async function actOnFlows(
  act: Act,
  meant: Meant,
  tell: Tell,
  stop: AbortSignal,
): Promise<void> {
  if ("ids" in meant) {
    for (let from = 0; from < meant.ids.length && !stop.aborted; from += AT_ONCE) {
      const ids = meant.ids.slice(from, from + AT_ONCE);
      tell((await actOnFlowRuns(act, { ids }, null)).items);
    }
    return;
  }
  let cursor: string | null = null;
  do {
    const answer: Outcomes = await actOnFlowRuns(act, meant, cursor);
    tell(answer.items);
    cursor = answer.next;
  } while (cursor !== null && !stop.aborted);
}

/** Cancel task runs, a few at a time, telling what came of each, until it is stopped. */
export async function cancelTasks(meant: Meant, tell: Tell, stop: AbortSignal): Promise<void> {
  if ("ids" in meant) return cancelEach(meant.ids, tell, stop);
  let cursor: string | null = null;
  do {
    const page: TaskRunPage = await taskRunsThatFit(meant.filter, cursor);
    const ids = page.items.map(({ id }) => id);
    await cancelEach(ids, tell, stop);
    cursor = page.next;
  } while (cursor !== null && !stop.aborted);
}

async function cancelEach(ids: readonly string[], tell: Tell, stop: AbortSignal): Promise<void> {
  for (let from = 0; from < ids.length && !stop.aborted; from += TOGETHER) {
    tell(await Promise.all(ids.slice(from, from + TOGETHER).map(cancelled)));
  }
}

async function cancelled(id: string): Promise<RunOutcome> {
  try {
    const { is_cancelled } = await cancelTaskRun(id);
    return { id, outcome: is_cancelled ? "cancelled" : "asked" };
  } catch (error) {
    // What the server refuses for one run is that run's outcome; the others go on.
    if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) throw error;
    return { id, outcome: "refused", reason: error.message };
  }
}
