import { attemptsOf } from "~/model/attempts";
import { beginOf, endOf } from "~/model/timeline";
import { type TimelineRuns, typeOf } from "~/model/timelineRuns";
import { duration } from "~/model/times";
import { StateBadge } from "~/parts/StateBadge";

/** What a bar of the timeline is, beside the pointer. */
export function HoverCard({ runs, run, now }: { runs: TimelineRuns; run: number; now: number }) {
  const { columns, tags, tagSets } = runs;
  const begin = beginOf(columns, run);
  const started = columns.start[run] as number;
  const waited = started - (columns.created[run] as number);
  const tries = columns.tries.get(run)?.attempts ?? 1;
  const last = attemptsOf(columns, run, now).at(-1);
  const tagged = tagSets[tags[run] as number] ?? [];
  return (
    <div className="hover-card">
      <strong>{runs.names[run]}</strong>
      <StateBadge type={typeOf(columns, run)} name={runs.stateNames[run] ?? null} />
      <dl>
        <dt>Began after</dt>
        <dd className="num">{duration(begin)}</dd>
        <dt>{Number.isNaN(started) ? "Waits for" : "Took"}</dt>
        <dd className="num">{duration(endOf(columns, run, now) - begin)}</dd>
        {waited >= 0.001 ? (
          <>
            <dt>Waited</dt>
            <dd className="num">{duration(waited)}</dd>
          </>
        ) : null}
        {tries > 1 ? (
          <>
            <dt>Attempts</dt>
            <dd className="num">
              {tries}
              {last ? `, the last ${duration(last.to - last.from)}` : null}
            </dd>
          </>
        ) : null}
        {tagged.length > 0 ? (
          <>
            <dt>Tags</dt>
            <dd>{tagged.join(", ")}</dd>
          </>
        ) : null}
      </dl>
    </div>
  );
}

/** The same, read out. */
export function barText(runs: TimelineRuns, run: number, now: number): string {
  const { columns } = runs;
  const tries = columns.tries.get(run)?.attempts ?? 1;
  const took = duration(endOf(columns, run, now) - beginOf(columns, run));
  const parts = [runs.names[run], runs.stateNames[run], took];
  return [...parts, ...(tries > 1 ? [`${tries} attempts`] : [])].join(", ");
}
