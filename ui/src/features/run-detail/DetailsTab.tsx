import type { ReactNode } from "react";
import type { FlowRun } from "~/api/shapes";
import { exact, ZONE } from "~/model/times";
import { CopyButton } from "~/parts/CopyButton";
import { StateBadge } from "~/parts/StateBadge";

/** What it was called with, the states that it was in, where it ran. */
export function DetailsTab({ run }: { run: FlowRun }) {
  const { process, result } = run;
  const parameters = JSON.stringify(run.parameters, null, 2);
  return (
    <div className="details">
      <section>
        <h3>
          Parameters <CopyButton text={parameters} name="Copy the parameters" bare />
        </h3>
        {/* Long lines scroll by keyboard too. */}
        <pre tabIndex={0}>{parameters}</pre>
      </section>
      <section>
        <h3>States</h3>
        <ol className="passed">
          {run.states.map((state) => (
            <li key={`${state.at} ${state.name}`}>
              <StateBadge type={state.type} name={state.name} />
              <time dateTime={state.at} title={ZONE} className="num muted">
                {exact(state.at)}
              </time>
            </li>
          ))}
        </ol>
      </section>
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

function Detail({ name, children }: { name: string; children: ReactNode }) {
  if (children === null || children === undefined || children === "") return null;
  return (
    <>
      <dt>{name}</dt>
      <dd className="mono">{children}</dd>
    </>
  );
}
