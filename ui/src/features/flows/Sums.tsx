import type { ReactNode } from "react";
import type { Kind, RunsSummed } from "~/api/definitions";
import { RunsLink } from "~/features/flows/RunsLink";
import type { Days } from "~/model/listSearch";
import { duration } from "~/model/times";
import { percent } from "~/model/trend";
import { StateBar } from "~/parts/StateBar";

/** The sums of the asked time: runs, failures, durations, what the cache spared. */
export function Sums({
  kind,
  name,
  summed,
  days,
}: {
  kind: Kind;
  name: string;
  summed: RunsSummed;
  days: Days;
}) {
  const span = days === 1 ? "last day" : `last ${days} days`;
  const { runs, failed, hits } = summed;
  return (
    <dl className="sums card">
      <Sum name="Runs" note={span}>
        {runs.toLocaleString("en")}
        {runs > 0 ? <StateBar counts={summed.states} /> : null}
      </Sum>
      <Sum
        name="Failed"
        note={
          failed === 0
            ? "none of those that ended"
            : `${failed.toLocaleString("en")} ${failed === 1 ? "run" : "runs"}`
        }
      >
        {failed > 0 ? (
          <RunsLink kind={kind} name={name} bad className="definition-bad">
            {percent(summed.failure_rate)}
          </RunsLink>
        ) : (
          percent(summed.failure_rate)
        )}
      </Sum>
      <Sum name="Median duration" note="half of the runs took less">
        {duration(summed.p50_seconds)}
      </Sum>
      <Sum name="95 of 100 took less than" note="what really ran, to a tenth">
        {duration(summed.p95_seconds)}
      </Sum>
      <Sum
        name="Saved by the cache"
        note={
          hits > 0
            ? `${hits.toLocaleString("en")} ${hits === 1 ? "hit" : "hits"}, ${percent(hits / runs)} of the runs`
            : "no run took a kept result"
        }
      >
        {hits > 0 ? duration(summed.saved_seconds) : "–"}
      </Sum>
    </dl>
  );
}

function Sum({ name, note, children }: { name: string; note: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="sum-value">{children}</dd>
      <dd className="sum-note">{note}</dd>
    </div>
  );
}
