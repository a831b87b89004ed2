import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { POINTS, runPoints } from "~/api/runs";
import { makePlot, type Plot, type RunPoint } from "~/features/runs/plot";
import { useRunFilter } from "~/features/runs/useRunFilter";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";
import { SPAN_HOURS } from "~/model/filters";
import { pointsOf } from "~/model/points";
import { LOOKS, WORST_FIRST } from "~/model/states";
import { duration, exact } from "~/model/times";
import { StateBadge } from "~/parts/StateBadge";
import { StateMark } from "~/parts/StateMark";

const PACE_MS = 3_000;

interface Near {
  readonly point: RunPoint;
  readonly left: number;
  readonly top: number;
}

/** How long the newest runs that fit took, over time; brushing it narrows the list to a time. */
export function RunsPlot() {
  const [filter, change] = useRunFilter();
  const found = useQuery(runPoints(filter));
  const [near, setNear] = useState<Near | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const navigate = useNavigate();
  useLivePoints();

  const told = useRef({ change, navigate });
  told.current = { change, navigate };
  useEffect(() => {
    if (!place.current) return;
    const made = makePlot(place.current, {
      hover: (point, left, top) => setNear(point && { point, left, top }),
      open: ({ run }) => {
        const to = "task" in run ? "/task-runs/$id" : "/runs/$id";
        void told.current.navigate({ to, params: { id: run.id } });
      },
      brush: (from, to) => {
        const [after, before] = [new Date(from).toISOString(), new Date(to).toISOString()];
        told.current.change({ after, before, span: undefined });
      },
    });
    plot.current = made;
    return () => made.end();
  }, []);

  const read = found.dataUpdatedAt;
  const items = found.data?.items;
  const points = useMemo(() => pointsOf(items ?? [], read), [items, read]);
  useEffect(() => {
    const { span, after, before } = filter;
    const since = span ? read / 1000 - SPAN_HOURS[span] * 3_600 : null;
    const from = after ? Date.parse(after) / 1000 : since;
    plot.current?.show(points, from, before ? Date.parse(before) / 1000 : null);
  }, [points, filter, read]);

  const types = new Set(points.map(({ run }) => run.state.type));
  return (
    <section className="card plot-card" aria-label="Durations over time">
      <header className="plot-head">
        <h2>Duration</h2>
        <ul className="plot-legend">
          {WORST_FIRST.filter((type) => types.has(type)).map((type) => (
            <li key={type}>
              <StateMark type={type} size={11} />
              {LOOKS[type].name}
            </li>
          ))}
        </ul>
        <span className="muted plot-note">
          {found.data?.next && points.length >= POINTS - 1 ? "The newest 1,000 · " : ""}
          Drag to select a time
        </span>
      </header>
      <div className="plot" ref={place} role="img" aria-label={summaryOf(points)}>
        {near ? <NearCard near={near} /> : null}
        {points.length === 0 && !found.isPending ? (
          <p className="plot-none muted">
            {found.error ? "The durations could not be read." : "No run that began"}
          </p>
        ) : null}
      </div>
    </section>
  );
}

function useLivePoints(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const pace = paced(() => readAnew(queries, ["run-points"]), PACE_MS);
    const end = listen(["runs"], pace.ask);
    return () => {
      end();
      pace.stop();
    };
  }, [queries]);
}

function NearCard({ near: { point, left, top } }: { near: Near }) {
  const { run } = point;
  const isRight = left > (document.getElementById("content")?.clientWidth ?? 0) / 2;
  return (
    <div
      className={`plot-near ${isRight ? "plot-near-left" : ""}`}
      style={{ left: `${left}px`, top: `${top}px` }}
    >
      <strong>{run.name}</strong>
      <StateBadge type={run.state.type} name={run.state.name} />
      <span className="muted">{"task" in run ? run.task : run.flow}</span>
      <span className="num">{duration(10 ** point.y)}</span>
      <span className="num muted">{exact(run.created).slice(0, 19)}</span>
    </div>
  );
}

function summaryOf(points: readonly RunPoint[]): string {
  if (points.length === 0) return "No runs";
  const longest = points.reduce((most, { y }) => Math.max(most, y), Number.NEGATIVE_INFINITY);
  return `${points.length} runs; the longest took ${duration(10 ** longest)}. The list below holds them.`;
}
