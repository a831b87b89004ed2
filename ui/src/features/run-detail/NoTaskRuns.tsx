import type { FlowRun } from "~/api/shapes";
import { Empty } from "~/parts/Empty";

/** What stands where task runs would be. */
export function NoTaskRuns({ run }: { run: FlowRun }) {
  if (run.is_open) {
    return <Empty title="No task run yet">They appear here as the flow calls its tasks.</Empty>;
  }
  return (
    <Empty title="This run called no tasks">
      Functions with <code>@task</code> that the flow calls are shown here, each with its own state.
    </Empty>
  );
}
