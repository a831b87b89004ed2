import type { LimitItem } from "~/api/limits";
import { takenOf, takenText } from "~/model/limitRun";

/** How much of a limit is taken: a bar and the numbers. */
export function Usage({ limit }: { limit: LimitItem }) {
  const taken = takenOf(limit);
  const isFull = taken >= limit.limit;
  return (
    <span className="usage">
      <span className={`usage-bar ${isFull ? "usage-full" : ""}`} aria-hidden="true">
        <span style={{ width: `${Math.min(100, (100 * taken) / Math.max(1, limit.limit))}%` }} />
      </span>
      <span className="num">{takenText(limit)}</span>
    </span>
  );
}
