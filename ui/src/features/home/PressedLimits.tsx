import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { limitsInUse } from "~/api/dashboard";
import type { LimitPage } from "~/api/shapes";
import { Card } from "~/parts/Card";

type Limit = LimitPage["items"][number];

const SHOWN = 6;

/** The limits that runs wait for or that are nearly taken; nothing where there are none. */
export function PressedLimits() {
  const found = useQuery(limitsInUse());
  const pressed = (found.data?.items ?? []).filter(isPressed).sort(byPressure);
  if (pressed.length === 0) return null;
  return (
    <Card title="Limits under pressure">
      <ul className="home-limits">
        {pressed.slice(0, SHOWN).map((limit) => (
          <li key={limit.id}>
            <Link to="/limits" search={{ id: limit.id }} className="home-name">
              {limit.name}
            </Link>
            <span className={limit.waiting > 0 ? "home-waiting num" : "muted num"}>
              {limit.waiting > 0 ? `${limit.waiting.toLocaleString("en")} waiting` : ""}
            </span>
            <span className="home-taken" aria-hidden="true">
              <span style={{ width: `${Math.min(100, 100 * shareOf(limit))}%` }} />
            </span>
            <span className="muted num">
              {Math.round(takenOf(limit)).toLocaleString("en")} of{" "}
              {limit.limit.toLocaleString("en")}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function takenOf({ used, level, slot_decay_per_second }: Limit): number {
  return slot_decay_per_second > 0 ? level : used;
}

function shareOf(limit: Limit): number {
  return takenOf(limit) / Math.max(1, limit.limit);
}

function isPressed(limit: Limit): boolean {
  return limit.active && (limit.waiting > 0 || shareOf(limit) >= 0.8);
}

function byPressure(one: Limit, other: Limit): number {
  return other.waiting - one.waiting || takenOf(other) - takenOf(one);
}
