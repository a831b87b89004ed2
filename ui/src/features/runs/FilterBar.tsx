import { DefinitionMenu } from "~/features/runs/DefinitionMenu";
import { DurationMenu } from "~/features/runs/DurationMenu";
import { MoreMenu } from "~/features/runs/MoreMenu";
import { StateMenu } from "~/features/runs/StateMenu";
import { TagsMenu } from "~/features/runs/TagsMenu";
import { TimeMenu } from "~/features/runs/TimeMenu";
import { useRunFilter } from "~/features/runs/useRunFilter";
import { isNarrow } from "~/model/filters";
import { SearchField } from "~/parts/SearchField";

/** What narrows the list; all of it stands in the address. */
export function FilterBar() {
  const [filter, change, set] = useRunFilter();
  const isTask = filter.kind === "task";
  return (
    <div className="filters" role="search" aria-label="Filter runs">
      <SearchField
        name={isTask ? "Name of a task run" : "Name of a run"}
        className="filters-text"
        value={filter.name ?? ""}
        change={(text) => change({ name: text || undefined }, { replace: true })}
      />
      <StateMenu {...{ filter, change }} />
      <DefinitionMenu kind="flows" {...{ filter, change }} />
      {isTask ? <DefinitionMenu kind="tasks" {...{ filter, change }} /> : null}
      <TagsMenu {...{ filter, change }} />
      <TimeMenu {...{ filter, change }} />
      <DurationMenu {...{ filter, change }} />
      <MoreMenu {...{ filter, change }} />
      {isNarrow(filter) ? (
        <button
          type="button"
          className="button button-plain"
          onClick={() => set({ kind: filter.kind })}
        >
          Clear
        </button>
      ) : null}
    </div>
  );
}
