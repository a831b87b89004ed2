import { Link } from "@tanstack/react-router";
import type { RunInput, TaskRun } from "~/api/shapes";
import { Card } from "~/parts/Card";
import { StateBadge } from "~/parts/StateBadge";

/** The runs whose results a run takes, by the parameter that each is. */
export function Inputs({ run }: { run: TaskRun }) {
  return (
    <Card
      title="Takes results of"
      more={<span className="muted num">{run.upstream_count.toLocaleString("en")}</span>}
      flush
    >
      <Ends
        ends={run.upstream}
        count={run.upstream_count}
        none="All that it was called with was there already: no result of another run."
      />
    </Card>
  );
}

/** The runs that take a run's result. */
export function Takers({ run }: { run: TaskRun }) {
  return (
    <Card
      title="Gives its result to"
      more={<span className="muted num">{run.downstream_count.toLocaleString("en")}</span>}
      flush
    >
      <Ends
        ends={run.downstream}
        count={run.downstream_count}
        none={run.is_open ? "No run so far." : "No other run took its result."}
      />
    </Card>
  );
}

function Ends({ ends, count, none }: { ends: readonly RunInput[]; count: number; none: string }) {
  if (ends.length === 0) return <p className="ends-none muted">{none}</p>;
  return (
    <div className="ends-scroller" tabIndex={0} role="group" aria-label="Runs">
      <ul className="ends-list">
        {ends.map((end) => (
          <li key={`${end.name} ${end.run}`}>
            <code>{end.name}</code>
            <InputLink end={end} />
          </li>
        ))}
      </ul>
      {count > ends.length ? (
        <p className="ends-none muted num">and {(count - ends.length).toLocaleString("en")} more</p>
      ) : null}
    </div>
  );
}

/** A run at the other end of an edge, with its state. */
export function InputLink({ end }: { end: RunInput }) {
  return (
    <>
      {end.kind === "flow" ? (
        <Link to="/runs/$id" params={{ id: end.run }} className="ends-name link">
          {end.run_name}
        </Link>
      ) : (
        <Link to="/task-runs/$id" params={{ id: end.run }} className="ends-name link">
          {end.run_name}
        </Link>
      )}
      {end.state ? <StateBadge type={end.state.type} name={end.state.name} /> : null}
    </>
  );
}
