import { useEffect, useRef } from "react";
import type { FoundRun } from "~/features/shell/found";
import type { Place } from "~/model/recent";
import { StateBadge } from "~/parts/StateBadge";
import { Ago } from "~/parts/Time";

/** One line of what was found, under the name of its kind where it is the first of that. */
export function FoundPlace({
  place,
  id,
  isHere,
  isFirst,
  isRecent,
  point,
  open,
}: {
  place: Place & Partial<FoundRun>;
  id: string;
  isHere: boolean;
  isFirst: boolean;
  isRecent: boolean;
  point: () => void;
  open: () => void;
}) {
  const line = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isHere) line.current?.scrollIntoView({ block: "nearest" });
  }, [isHere]);
  return (
    <>
      {isFirst && !(isRecent && id !== "search-0") ? (
        <div className="search-kind muted">{isRecent ? "Opened lately" : place.kind}</div>
      ) : null}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys */}
      <div
        ref={line}
        id={id}
        className="search-one"
        role="option"
        aria-selected={isHere}
        onMouseMove={point}
        onClick={open}
      >
        <strong>{place.name}</strong>
        <span className="muted">{isRecent ? `${place.kind} ${place.of ?? ""}` : place.of}</span>
        {place.state ? <StateBadge type={place.state.type} name={place.state.name} /> : null}
        {place.at ? (
          <span className="muted">
            <Ago at={place.at} />
          </span>
        ) : null}
      </div>
    </>
  );
}
