import { FilterMenu } from "~/features/runs/FilterMenu";
import type { Change } from "~/features/runs/useRunFilter";
import { type RunFilter, SPANS, type Span } from "~/model/filters";
import { exact, ZONE } from "~/model/times";

export const SPAN_NAMES = {
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
} as const satisfies Record<Span, string>;

const FIXED = { after: undefined, before: undefined };

/** When runs were created: lately, or between two moments in the viewer's zone. */
export function TimeMenu({ filter, change }: { filter: RunFilter; change: Change }) {
  const { span, after, before } = filter;
  return (
    <FilterMenu
      name="Created"
      value={span ? SPAN_NAMES[span] : between(after, before)}
      clear={() => change({ span: undefined, ...FIXED })}
    >
      <ul className="checks">
        {SPANS.map((one) => (
          <li key={one}>
            <label>
              <input
                type="radio"
                name="span"
                checked={span === one}
                onChange={() => change({ span: one, ...FIXED })}
              />
              {SPAN_NAMES[one]}
            </label>
          </li>
        ))}
      </ul>
      <div className="popover-fields">
        <Moment name="From" at={after} set={(at) => change({ after: at, span: undefined })} />
        <Moment name="Before" at={before} set={(at) => change({ before: at, span: undefined })} />
        <p className="muted">In your zone, {ZONE}.</p>
      </div>
    </FilterMenu>
  );
}

function Moment({
  name,
  at,
  set,
}: {
  name: string;
  at: string | undefined;
  set: (at: string | undefined) => void;
}) {
  return (
    <label>
      {name}
      <input
        type="datetime-local"
        step="1"
        className="field"
        value={at ? localOf(at) : ""}
        onChange={({ target }) => {
          set(target.value ? new Date(target.value).toISOString() : undefined);
        }}
      />
    </label>
  );
}

const DAY_AND_CLOCK = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

function between(after: string | undefined, before: string | undefined): string | null {
  const from = after && DAY_AND_CLOCK.format(new Date(after));
  const to = before && DAY_AND_CLOCK.format(new Date(before));
  if (from && to && after && before) {
    const isOneDay = new Date(after).toDateString() === new Date(before).toDateString();
    return `${from} – ${isOneDay ? CLOCK.format(new Date(before)) : to}`;
  }
  if (from) return `from ${from}`;
  return to ? `before ${to}` : null;
}

/** A time as a field of the viewer's zone takes it. */
function localOf(at: string): string {
  return exact(at).slice(0, 19).replace(" ", "T");
}
