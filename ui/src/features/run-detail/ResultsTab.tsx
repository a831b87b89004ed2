import type { FlowRun } from "~/api/shapes";
import { ArtifactsOf } from "~/features/run-detail/ArtifactsOf";
import { Detail } from "~/features/run-detail/Detail";
import { exact } from "~/model/times";
import { Empty } from "~/parts/Empty";

/** Where the flow run's result is, and the artifacts that it and its task runs left. */
export function ResultsTab({ run }: { run: FlowRun }) {
  const { result } = run;
  return (
    <div className="results-tab">
      {result?.is_kept ? (
        <section className="result-note">
          <h3>Result</h3>
          <dl className="details-list">
            <Detail name="Kept in">{result.place}</Detail>
            <Detail name="Key">{result.key}</Detail>
            <Detail name="At">{exact(result.at)}</Detail>
          </dl>
        </section>
      ) : null}
      {run.artifacts > 0 ? (
        <ArtifactsOf wanted={{ flow_run: run.id }} />
      ) : (
        <Empty title="This run left no artifacts">
          A table, a text, a link or an image for people to look at:
          <pre>create_table_artifact(rows, key="report")</pre>
        </Empty>
      )}
    </div>
  );
}
