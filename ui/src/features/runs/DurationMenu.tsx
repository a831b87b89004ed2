import { useState } from "react";
import { FilterMenu } from "~/features/runs/FilterMenu";
import type { Change } from "~/features/runs/useRunFilter";
import { type RunFilter, secondsOf } from "~/model/filters";
import { duration } from "~/model/times";

/** How long runs took; those that are open, by now. */
export function DurationMenu({ filter, change }: { filter: RunFilter; change: Change }) {
  const { min, max } = filter;
  return (
    <FilterMenu
      name="Duration"
      value={wordsOf(min, max)}
      clear={() => change({ min: undefined, max: undefined })}
    >
      <div className="popover-fields">
        <Seconds name="At least" seconds={min} set={(seconds) => change({ min: seconds })} />
        <Seconds name="At most" seconds={max} set={(seconds) => change({ max: seconds })} />
        <p className="muted">As 90, 1.5 m or 2h 30m. Runs that go on count until now.</p>
      </div>
    </FilterMenu>
  );
}

function Seconds({
  name,
  seconds,
  set,
}: {
  name: string;
  seconds: number | undefined;
  set: (seconds: number | undefined) => void;
}) {
  const [text, setText] = useState(seconds === undefined ? "" : duration(seconds));
  const found = secondsOf(text);
  const isWrong = text !== "" && found === null;
  return (
    <label>
      {name}
      <input
        className="field"
        value={text}
        aria-invalid={isWrong}
        onChange={({ target }) => setText(target.value)}
        onBlur={() => isWrong || set(found ?? undefined)}
        onKeyDown={({ key }) => {
          if (key === "Enter" && !isWrong) set(found ?? undefined);
        }}
      />
      {isWrong ? <span className="popover-wrong">That is no duration</span> : null}
    </label>
  );
}

function wordsOf(min: number | undefined, max: number | undefined): string | null {
  if (min !== undefined && max !== undefined) return `${duration(min)} – ${duration(max)}`;
  if (min !== undefined) return `≥ ${duration(min)}`;
  return max === undefined ? null : `≤ ${duration(max)}`;
}
