import { useMemo } from "react";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import type { TimelineRuns } from "~/model/timelineRuns";
import { differInTags, tagsOf } from "~/model/timelineTags";

/** Narrows the timeline to the runs with a tag; nothing where every run has the same ones. */
export function TagField({ runs }: { runs: TimelineRuns }) {
  const [{ tag }, change] = useRunSearch();
  const found = useMemo(() => tagsOf(runs), [runs]);
  if (tag === undefined && !differInTags(runs)) return null;
  const isKnown = tag === undefined || found.some((one) => one.tag === tag);
  return (
    <div className="tools" role="search" aria-label="Timeline">
      <select
        className="field"
        aria-label="Tag"
        value={tag ?? ""}
        onChange={({ target }) => change({ tag: target.value || undefined }, { replace: true })}
      >
        <option value="">All tags</option>
        {(isKnown ? found : [...found, { tag: tag as string, runs: 0 }]).map((one) => (
          <option key={one.tag} value={one.tag}>
            {one.tag} ({one.runs.toLocaleString("en")})
          </option>
        ))}
      </select>
    </div>
  );
}
