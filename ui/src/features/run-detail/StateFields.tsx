import type { StateWanted } from "~/api/shapes";
import { LOOKS } from "~/model/states";

const TYPES = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"] as const;

/** The state that a run is to be in: only those that end it. */
export function StateFields({
  wanted,
  change,
}: {
  wanted: StateWanted;
  change: (wanted: StateWanted) => void;
}) {
  return (
    <div className="fields">
      <label>
        State
        <select
          className="field"
          value={wanted.type}
          onChange={({ target }) => {
            const type = TYPES.find((one) => one === target.value);
            if (type) change({ ...wanted, type });
          }}
        >
          {TYPES.map((type) => (
            <option key={type} value={type}>
              {LOOKS[type].name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Why (for who looks at it later)
        <input
          className="field"
          value={wanted.message ?? ""}
          onChange={({ target }) => change({ ...wanted, message: target.value || null })}
        />
      </label>
    </div>
  );
}
