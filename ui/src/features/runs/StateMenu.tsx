import { FilterMenu } from "~/features/runs/FilterMenu";
import { TokenField } from "~/features/runs/TokenField";
import type { Change } from "~/features/runs/useRunFilter";
import type { RunFilter } from "~/model/filters";
import { LOOKS, WORST_FIRST } from "~/model/states";
import { StateMark } from "~/parts/StateMark";

const NAMES = ["TimedOut", "Cached", "AwaitingRetry", "NotReady", "Late", "RolledBack"];

/** States by type, with their marks, and by name. */
export function StateMenu({ filter, change }: { filter: RunFilter; change: Change }) {
  const types = filter.type ?? [];
  const words = [...types.map((type) => LOOKS[type].name), ...(filter.state ?? [])];
  return (
    <FilterMenu
      name="State"
      value={words.length > 0 ? shortOf(words) : null}
      clear={() => change({ type: undefined, state: undefined })}
    >
      <ul className="checks">
        {WORST_FIRST.map((type) => (
          <li key={type}>
            <label>
              <input
                type="checkbox"
                checked={types.includes(type)}
                onChange={({ target }) => {
                  const rest = types.filter((one) => one !== type);
                  const next = target.checked ? [...rest, type] : rest;
                  change({ type: next.length > 0 ? next : undefined });
                }}
              />
              <StateMark type={type} size={13} />
              {LOOKS[type].name}
            </label>
          </li>
        ))}
      </ul>
      <TokenField
        name="Or by a name of its own"
        hint="TimedOut, Cached, …"
        values={filter.state}
        offered={NAMES}
        change={(state) => change({ state })}
      />
    </FilterMenu>
  );
}

/** Two words at most, and how many more there are. */
export function shortOf(words: readonly string[]): string {
  const more = words.length - 2;
  return words.slice(0, 2).join(", ") + (more > 0 ? ` +${more}` : "");
}
