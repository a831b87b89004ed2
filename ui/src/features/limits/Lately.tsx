import { useEffect, useState } from "react";
import type { LimitDetails } from "~/api/limits";
import { takenOf } from "~/model/limitRun";
import { type LimitLook, MOST_LOOKS, withLook } from "~/model/looks";
import { duration } from "~/model/times";

/** How much was taken since the limit is looked at, two minutes at most. */
export function Lately({ limit, at }: { limit: LimitDetails; at: number }) {
  const [looks, setLooks] = useState<readonly LimitLook[]>([]);
  useEffect(() => {
    const look = { at, taken: takenOf(limit), waiting: limit.waiting };
    setLooks((before) => withLook(before, look));
  }, [limit, at]);
  const most = Math.max(1, limit.limit, ...looks.map((one) => one.taken));
  const seconds = (at - (looks[0]?.at ?? at)) / 1000;
  return (
    <div className="lately">
      <div className="lately-bars" aria-hidden="true">
        {Array.from({ length: MOST_LOOKS - looks.length }, (_, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: nothing is in them
          <span key={place} />
        ))}
        {looks.map((one) => (
          <span
            key={one.at}
            className={one.taken >= limit.limit ? "is-full" : "is-some"}
            style={{ height: `${(100 * one.taken) / most}%` }}
            title={`${duration((at - one.at) / 1000)} ago: ${Math.round(one.taken)} taken, ${one.waiting} waiting`}
          />
        ))}
      </div>
      <div className="lately-axis muted num">
        <span>{seconds < 1 ? "looking" : `${duration(seconds)} ago`}</span>
        <span>now</span>
      </div>
    </div>
  );
}
