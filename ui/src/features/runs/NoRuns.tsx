import { Link } from "@tanstack/react-router";
import { isNarrow, type RunFilter } from "~/model/filters";
import { Empty } from "~/parts/Empty";

/** Where no run fits, or none is: what to do. */
export function NoRuns({ filter }: { filter: RunFilter }) {
  const noun = filter.kind === "task" ? "task run" : "flow run";
  if (isNarrow(filter)) {
    return (
      <Empty title={`No ${noun} fits the filter`}>
        <Link to="/runs" search={{ kind: filter.kind }} className="button">
          Show all {noun}s
        </Link>
      </Empty>
    );
  }
  return (
    <Empty title={filter.kind === "task" ? "No task has run yet" : "No flow has run yet"}>
      Run a flow, and it appears here at once:
      <pre>flowstone run etl.py:nightly</pre>
    </Empty>
  );
}
