import { lazy, Suspense, useMemo, useState } from "react";
import { dayText } from "~/features/flows/RunsByDay";
import { duration } from "~/model/times";
import type { Day } from "~/model/trend";
import { Card } from "~/parts/Card";

const TrendChart = lazy(async () => {
  const { TrendChart: chart } = await import("~/features/flows/TrendChart");
  return { default: chart };
});

/** How long runs took day by day; where the chart is pointed at, in numbers. */
export function Durations({ days }: { days: readonly Day[] }) {
  const [at, setAt] = useState<number | null>(null);
  const ran = useMemo(() => days.filter((day) => day.p50 !== null), [days]);
  const day = (at === null ? undefined : days[at]) ?? ran.at(-1);
  return (
    <Card title="Durations" more={day ? <Legend day={day} /> : null}>
      {ran.length === 0 ? (
        <p className="trend-none muted">No run of this time has ended with a duration.</p>
      ) : (
        <Suspense fallback={<div className="trend skeleton" />}>
          <TrendChart days={days} point={setAt} />
        </Suspense>
      )}
    </Card>
  );
}

function Legend({ day }: { day: Day }) {
  return (
    <span className="trend-legend num">
      <span className="muted">{dayText(day.at)}</span>
      <span>
        <i className="trend-key" /> p50 {duration(day.p50)}
      </span>
      <span>
        <i className="trend-key trend-key-slow" /> p95 {duration(day.p95)}
      </span>
    </span>
  );
}
