import type { FlowRun } from "~/api/shapes";
import { StateStrip } from "~/features/run-detail/StateStrip";

/** The states that the flow run was in. */
export function StatesTab({ run }: { run: FlowRun }) {
  return (
    <div className="states-tab">
      <StateStrip states={run.states} isOpen={run.is_open} />
    </div>
  );
}
