import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type Dashboard, totalOf } from "~/api/shapes";
import type { RunFilterGiven } from "~/model/filters";
import { type Bar, barsOf } from "~/model/histogram";
import { isStateType, lookOf } from "~/model/states";
import { Card } from "~/parts/Card";
import { byType } from "~/parts/StateBar";
import { StateMark } from "~/parts/StateMark";
import "./history.css";

/** Runs by the time of their creation and by state; a bar leads to its runs. */
export function History({
  title,
  kind,
  history,
  data,
  hours,
}: {
  title: string;
  kind: "flow" | "task";
  history: Dashboard["flow_runs"];
  data: Dashboard;
  hours: number;
}) {
  const { since, until, bucket_seconds } = data;
  const { bars, most } = useMemo(
    () => barsOf(history.buckets, since, until, bucket_seconds),
    [history.buckets, since, until, bucket_seconds],
  );
  const of: RunFilterGiven = kind === "task" ? { kind: "task" } : {};
  const total = totalOf(history.states);
  return (
    <Card
      title={
        <>
          {title} <span className="home-count num">{total.toLocaleString("en")}</span>
        </>
      }
    >
      <ul className="home-legend">
        {byType(history.states).map(({ type, runs }) =>
          isStateType(type) ? (
            <li key={type}>
              <Link to="/runs" search={{ ...of, type: [type], after: since }}>
                <StateMark type={type} size={12} />
                <span className="num">{runs.toLocaleString("en")}</span>
                <span className="home-legend-name">{lookOf(type).name}</span>
              </Link>
            </li>
          ) : null,
        )}
      </ul>
      <div className="bars" aria-label={`${title} over time`} role="list">
        <span className="bars-most num" aria-hidden="true">
          {most.toLocaleString("en")}
        </span>
        {bars.map((bar) => (
          <BarLink key={bar.start} bar={bar} most={most} of={of} days={hours > 48} />
        ))}
      </div>
      <div className="bars-ends muted num">
        <span>{stamp(bars[0]?.start ?? Date.parse(since), hours)}</span>
        {bars.length > 2 ? (
          <span>{stamp(bars[Math.floor(bars.length / 2)]?.start ?? 0, hours)}</span>
        ) : null}
        <span>now</span>
      </div>
    </Card>
  );
}

function BarLink({
  bar,
  most,
  of,
  days,
}: {
  bar: Bar;
  most: number;
  of: RunFilterGiven;
  days: boolean;
}) {
  const { start, end, total, parts } = bar;
  const when = `${stamp(start, days ? 100 : 1)} – ${TIME.format(end)}`;
  const counts = parts.map(({ type, runs }) => `${runs.toLocaleString("en")} ${lookOf(type).name}`);
  // However low the bar, no part of it is too thin to see.
  const height = `max(${(100 * total) / most}%, ${4 * parts.length}px)`;
  const words = `${when}: ${counts.join(", ") || "none"}`;
  return (
    <div role="listitem" className="bar-place">
      {total === 0 ? (
        <span className="bar bar-none" title={words} />
      ) : (
        <Link
          to="/runs"
          search={{
            ...of,
            after: new Date(start).toISOString(),
            before: new Date(end).toISOString(),
          }}
          className="bar"
          title={words}
          aria-label={words}
        >
          <span className="bar-fill" style={{ height }}>
            {parts.toReversed().map(({ type, runs }) => (
              <span key={type} className={`fill-${lookOf(type).tone}`} style={{ flexGrow: runs }} />
            ))}
          </span>
        </Link>
      )}
    </div>
  );
}

const TIME = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function stamp(at: number, hours: number): string {
  const clock = TIME.format(at);
  if (hours <= 48) return clock;
  return clock === "00:00" ? DAY.format(at) : `${DAY.format(at)} ${clock}`;
}
