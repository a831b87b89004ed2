import { useMemo } from "react";
import type { Dashboard } from "~/api/shapes";
import { minutesOf } from "~/model/histogram";
import { duration } from "~/model/times";
import { Card } from "~/parts/Card";

const MINUTES = 60;
const HEIGHT = 44;

/** Task runs per minute of the last hour, and how long they waited to start. */
export function Throughput({ data }: { data: Dashboard }) {
  const minutes = useMemo(
    () => minutesOf(data.per_minute, data.until, MINUTES),
    [data.per_minute, data.until],
  );
  const most = Math.max(1, ...minutes);
  const recent = minutes.slice(-6, -1); // the minute that goes on is not whole
  const mean = recent.reduce((sum, one) => sum + one, 0) / recent.length;
  const late = data.lateness.at(-1);
  return (
    <Card title="Task runs per minute" more={<span className="muted">last hour</span>}>
      <div className="home-rate">
        <strong className="num">{rateOf(mean)}</strong>
        <span className="muted">
          a minute lately · peak{" "}
          <span className="num">{most === 1 && mean === 0 ? 0 : most.toLocaleString("en")}</span>
        </span>
      </div>
      <svg
        className="home-minutes"
        viewBox={`0 0 ${MINUTES * 4} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Task runs created in each of the last ${MINUTES} minutes, ${most} at most`}
      >
        {minutes.map((runs, place) => {
          const height = runs === 0 ? 1 : Math.max(2, (HEIGHT * runs) / most);
          return (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: a place is a minute
              key={place}
              x={place * 4}
              y={HEIGHT - height}
              width={3}
              height={height}
              className={runs === 0 ? "minute-none" : "minute"}
            />
          );
        })}
      </svg>
      {late ? (
        <p className="home-late muted">
          From created to started: p50 <span className="num">{duration(late.p50_seconds)}</span>,
          p95 <span className="num">{duration(late.p95_seconds)}</span>
        </p>
      ) : null}
    </Card>
  );
}

function rateOf(mean: number): string {
  return mean > 0 && mean < 10 ? mean.toFixed(1) : Math.round(mean).toLocaleString("en");
}
