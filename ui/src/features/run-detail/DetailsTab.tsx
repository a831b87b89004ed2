import type { FlowRun } from "~/api/shapes";
import { Detail } from "~/features/run-detail/Detail";
import { exact } from "~/model/times";

/** Where it ran, and what its flow says of itself. */
export function DetailsTab({ run }: { run: FlowRun }) {
  const { process, result } = run;
  return (
    <div className="details">
      <section>
        <h3>Where it ran</h3>
        <dl className="details-list">
          <Detail name="Id">{run.id}</Detail>
          <Detail name="Entry point">{run.entrypoint}</Detail>
          <Detail name="Flow version">{run.flow_version}</Detail>
          <Detail name="Created">{exact(run.created)}</Detail>
          <Detail name="Scheduled for">{run.scheduled ? exact(run.scheduled) : null}</Detail>
          <Detail name="Process">{process ? `${process.pid} on ${process.host}` : null}</Detail>
          <Detail name="Process ended">{process?.ended ? exact(process.ended) : null}</Detail>
          <Detail name="Python">{process?.python}</Detail>
          <Detail name="Flowstone">{process?.flowstone}</Detail>
          <Detail name="Records lost">{process?.lost_records || null}</Detail>
          <Detail name="Log lines lost">{process?.lost_lines || null}</Detail>
          <Detail name="Result in">{result?.is_kept ? result.place : null}</Detail>
          <Detail name="Description">{run.description}</Detail>
        </dl>
      </section>
    </div>
  );
}
