import { useNow } from "~/live/useNow";
import { lookOf } from "~/model/states";
import { type Passed, stretchesOf } from "~/model/stretches";
import { clock, duration, exact, ZONE } from "~/model/times";
import { StateBadge } from "~/parts/StateBadge";
import "~/parts/stateBar.css";
import "./strip.css";

/** The states that a run was in: how long each took as a strip, and when each began. */
export function StateStrip({ states, isOpen }: { states: readonly Passed[]; isOpen: boolean }) {
  const now = useNow();
  const stretches = stretchesOf(states, isOpen, now);
  const total = stretches.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
  return (
    <div className="strip">
      <div className="strip-bar" aria-hidden="true" hidden={total === 0}>
        {stretches.map(({ state, seconds }, place) =>
          seconds !== null && seconds > 0 ? (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: states are only ever added at the end
              key={place}
              className={`fill-${lookOf(state.type).tone}`}
              style={{ flexGrow: (1_000 * seconds) / total }}
              title={`${state.name}: ${duration(seconds)}`}
            />
          ) : null,
        )}
      </div>
      <ol>
        {stretches.map(({ state, seconds }, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: states are only ever added at the end
          <li key={place}>
            <StateBadge type={state.type} name={state.name} />
            <span className="num strip-took">
              {seconds === null ? "" : shareOf(seconds, total)}
            </span>
            <time dateTime={state.at} title={`${exact(state.at)} ${ZONE}`} className="num muted">
              {clock(state.at)}
            </time>
            <span className="strip-why mono">{state.message}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function shareOf(seconds: number, total: number): string {
  if (seconds < 0.0005) return "at once";
  const share = Math.round((100 * seconds) / total);
  return share >= 1 && share < 100 ? `${duration(seconds)} · ${share} %` : duration(seconds);
}
