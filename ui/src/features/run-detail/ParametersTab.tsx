import type { FlowRun } from "~/api/shapes";
import { JsonTree } from "~/features/run-detail/JsonTree";
import { CopyButton } from "~/parts/CopyButton";
import { Empty } from "~/parts/Empty";

/** What the flow was called with. */
export function ParametersTab({ run }: { run: FlowRun }) {
  const count = Object.keys(run.parameters).length;
  if (count === 0) {
    return (
      <Empty title="Called without parameters">
        What <code>{run.flow}(…)</code> is called with is shown here.
      </Empty>
    );
  }
  return (
    <>
      <div className="tools">
        <span className="muted">
          {count} {count === 1 ? "parameter" : "parameters"} of <code>{run.flow}</code>
        </span>
        <span className="tools-end">
          <CopyButton text={JSON.stringify(run.parameters, null, 2)} name="Copy as JSON" />
        </span>
      </div>
      <JsonTree value={run.parameters} name="Parameters" />
    </>
  );
}
