import { isStateType, LOOKS, type StateType } from "~/model/states";
import { StateMark } from "~/parts/StateMark";

/** A state by its own name (TimedOut, Cached, …), drawn as its type. */
export function StateBadge({ type, name }: { type: string; name?: string | null }) {
  const known: StateType = isStateType(type) ? type : "PENDING";
  return (
    <span className={`badge badge-${LOOKS[known].tone}`}>
      <StateMark type={known} size={13} />
      {name ?? LOOKS[known].name}
    </span>
  );
}
