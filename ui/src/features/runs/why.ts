import type { RunItem } from "~/api/runs";
import { errorIn } from "~/model/logs";
import { BAD, isStateType } from "~/model/states";

/** The last line of what made a run go wrong; null where it did not. */
export function whyOf({ state, verdict }: Pick<RunItem, "state" | "verdict">): string | null {
  if (!isStateType(state.type) || !BAD.has(state.type)) return null;
  if (verdict === "died") return "Its process died.";
  if (verdict === "closed") return "The run that called it was over before it ended.";
  const lines = errorIn(state.message).trim().split("\n");
  return lines.at(-1)?.trim() || null;
}
