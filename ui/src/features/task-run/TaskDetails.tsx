import type { TaskRun } from "~/api/shapes";
import { Detail } from "~/features/run-detail/Detail";
import { exact } from "~/model/times";
import { Card } from "~/parts/Card";

/** Where it ran, and what its task says of itself. */
export function TaskDetails({ run }: { run: TaskRun }) {
  const { process } = run;
  return (
    <Card title="Where it ran">
      <dl className="details-list">
        <Detail name="Id">{run.id}</Detail>
        <Detail name="Task key">{run.task_key}</Detail>
        <Detail name="Task version">{run.task_version}</Detail>
        <Detail name="Created">{exact(run.created)}</Detail>
        <Detail name="Scheduled for">{run.scheduled ? exact(run.scheduled) : null}</Detail>
        <Detail name="Process">{process ? `${process.pid} on ${process.host}` : null}</Detail>
        <Detail name="Process ended">{process?.ended ? exact(process.ended) : null}</Detail>
        <Detail name="Python">{process?.python}</Detail>
        <Detail name="Flowstone">{process?.flowstone}</Detail>
        <Detail name="Description">{run.description}</Detail>
      </dl>
    </Card>
  );
}
