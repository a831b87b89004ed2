import type { LimitDetails } from "~/api/limits";
import { takenOf, takenText } from "~/model/limitRun";

const MOST_DRAWN = 60;

/** The slots of a limit, each as a field where they are few, else as a bar. */
export function Slots({ limit }: { limit: LimitDetails }) {
  const taken = takenOf(limit);
  const isFull = taken >= limit.limit;
  const isRate = limit.slot_decay_per_second > 0;
  const words = takenText(limit);
  return (
    <div className="slots">
      <p className="slots-words">
        <strong className="num">{words}</strong>{" "}
        {isRate ? "used up" : isFull && limit.limit > 0 ? "taken: it is full" : "taken"}
        {limit.waiting > 0 ? (
          <span className="limit-waiting"> · {limit.waiting.toLocaleString("en")} waiting</span>
        ) : null}
      </p>
      {!isRate && limit.limit <= MOST_DRAWN ? (
        <div className="slot-fields" aria-hidden="true">
          {Array.from({ length: Math.max(limit.limit, limit.used) }, (_, slot) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: slots never change places
              key={slot}
              className={slot < limit.used ? (slot < limit.limit ? "is-taken" : "is-above") : ""}
            />
          ))}
        </div>
      ) : (
        <span className={`usage-bar usage-large ${isFull ? "usage-full" : ""}`} aria-hidden="true">
          <span style={{ width: `${Math.min(100, (100 * taken) / Math.max(1, limit.limit))}%` }} />
        </span>
      )}
    </div>
  );
}
