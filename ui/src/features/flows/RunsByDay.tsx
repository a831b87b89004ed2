import { Link } from "@tanstack/react-router";
import type { Kind } from "~/api/definitions";
import { LOOKS } from "~/model/states";
import { badOf, DAY_SECONDS, type Day } from "~/model/trend";
import { Card } from "~/parts/Card";
import "~/parts/stateBar.css";

const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** "3 Nov", in UTC, as the server counts days. */
export function dayText(at: number): string {
  return SHORT.format(at * 1000);
}

/** How many runs there were each day, by state; a day leads to its runs. */
export function RunsByDay({
  kind,
  name,
  days,
}: {
  kind: Kind;
  name: string;
  days: readonly Day[];
}) {
  const most = Math.max(1, ...days.map((day) => day.runs));
  return (
    <Card
      title="Runs by day"
      more={<span className="muted num">most {most.toLocaleString("en")}</span>}
    >
      <div className="days">
        {days.map((day) => (
          <DayBar key={day.at} kind={kind} name={name} day={day} most={most} />
        ))}
      </div>
      <div className="days-axis muted num">
        <span>{dayText(days[0]?.at ?? 0)}</span>
        <span>{dayText(days.at(-1)?.at ?? 0)}</span>
      </div>
    </Card>
  );
}

function DayBar({ kind, name, day, most }: { kind: Kind; name: string; day: Day; most: number }) {
  if (day.runs === 0) return <span className="day" />;
  const words = wordsOf(day);
  const span = {
    after: new Date(day.at * 1000).toISOString(),
    before: new Date((day.at + DAY_SECONDS) * 1000).toISOString(),
  };
  return (
    <Link
      to="/runs"
      search={kind === "flow" ? { flow: name, ...span } : { kind: "task", task: name, ...span }}
      className="day"
      title={words}
      aria-label={words}
    >
      <span className="day-bar" style={{ height: `${(100 * day.runs) / most}%` }}>
        {day.states.map(({ type, runs }) => (
          <span key={type} className={`fill-${LOOKS[type].tone}`} style={{ flexGrow: runs }} />
        ))}
      </span>
    </Link>
  );
}

function wordsOf(day: Day): string {
  const bad = badOf(day);
  const runs = `${day.runs.toLocaleString("en")} ${day.runs === 1 ? "run" : "runs"}`;
  return `${dayText(day.at)}: ${runs}${bad > 0 ? `, ${bad.toLocaleString("en")} failed` : ""}`;
}
