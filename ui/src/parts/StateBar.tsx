import { isStateType, lookOf, OVER, WORST_FIRST } from "~/model/states";
import "./stateBar.css";

interface Count {
  readonly type: string;
  readonly runs: number;
}

interface Bar {
  readonly counts: readonly Count[];
  /** Leaves empty what is not over: how full it is says how far it is. */
  readonly isProgress?: boolean;
}

/** Counts by state as one thin bar; what went wrong is never too thin to see. */
export function StateBar({ counts, isProgress = false }: Bar) {
  const byWorst = byType(counts);
  const sorted = isProgress
    ? [...byWorst.filter(isDone), ...byWorst.filter((one) => !isDone(one))]
    : byWorst;
  if (sorted.length === 0) return null;
  const words = sorted.map(({ type, runs }) => `${runs} ${lookOf(type).name}`).join(", ");
  return (
    <span className="state-bar" role="img" aria-label={words} title={words}>
      {sorted.map((one) => {
        const fill = isProgress && !isDone(one) ? undefined : `fill-${lookOf(one.type).tone}`;
        return <span key={one.type} className={fill} style={{ flexGrow: one.runs }} />;
      })}
    </span>
  );
}

interface NamedCount extends Count {
  readonly name: string;
}

/** Counts by name, the worst type first and of each type the most frequent name. */
export function byName<Named extends NamedCount>(counts: readonly Named[]): readonly Named[] {
  return counts
    .filter(({ runs }) => runs > 0)
    .sort((one, other) => rank(one.type) - rank(other.type) || other.runs - one.runs);
}

/** Counts by type (states of one type have many names), the worst first. */
export function byType(counts: readonly Count[]): readonly Count[] {
  const sums = new Map<string, number>();
  for (const { type, runs } of counts) sums.set(type, (sums.get(type) ?? 0) + runs);
  return [...sums]
    .map(([type, runs]) => ({ type, runs }))
    .filter(({ runs }) => runs > 0)
    .sort((one, other) => rank(one.type) - rank(other.type));
}

function isDone({ type }: Count): boolean {
  return (OVER as ReadonlySet<string>).has(type);
}

function rank(type: string): number {
  return isStateType(type) ? WORST_FIRST.indexOf(type) : 99;
}
