import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, Trash2 } from "lucide-react";
import { useId, useRef, useState } from "react";
import { deleteFilter, savedFilters, saveFilter, type View } from "~/api/savedFilters";
import { placeBelow } from "~/features/runs/FilterMenu";
import { useRunFilter } from "~/features/runs/useRunFilter";
import { filterOf, isNarrow, savedOf } from "~/model/filters";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";

/** The filters that somebody saved, for all who use this server, and a name for the one that is. */
export function SavedFilters() {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const popover = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button ref={button} type="button" className="button" popoverTarget={id}>
        <Bookmark size={14} aria-hidden="true" />
        Saved
      </button>
      <div
        ref={popover}
        id={id}
        popover="auto"
        className="popover"
        role="group"
        aria-label="Saved filters"
        onBeforeToggle={({ currentTarget, newState }) => {
          setOpen(newState === "open");
          if (newState === "open" && button.current) placeBelow(currentTarget, button.current);
        }}
      >
        {isOpen ? <Filters close={() => popover.current?.hidePopover()} /> : null}
      </div>
    </>
  );
}

function Filters({ close }: { close: () => void }) {
  const [filter, , set] = useRunFilter();
  const view: View = filter.kind === "task" ? "task-runs" : "flow-runs";
  const found = useQuery(savedFilters(view));
  const queries = useQueryClient();
  const reread = () => queries.invalidateQueries({ queryKey: ["filters", view] });
  const forget = useMutation({ mutationFn: deleteFilter, onSuccess: reread });
  const error = found.error ?? forget.error;
  return (
    <>
      {found.isPending ? <Loading lines={2} /> : null}
      {error ? <Trouble error={error} retry={() => void reread()} /> : null}
      <ul className="saved">
        {found.data?.items.map(({ id, name, query }) => (
          <li key={id}>
            <button
              type="button"
              className="saved-name"
              onClick={() => {
                set(filterOf({ ...query, kind: filter.kind }));
                close();
              }}
            >
              {name}
            </button>
            <button
              type="button"
              className="filter-clear"
              aria-label={`Forget ${name}`}
              onClick={() => forget.mutate(id)}
            >
              <Trash2 size={13} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
      {found.data?.items.length === 0 ? (
        <p className="muted">None yet. Narrow the list, then give the filter a name here.</p>
      ) : null}
      {isNarrow(filter) ? <Save view={view} query={savedOf(filter)} done={reread} /> : null}
    </>
  );
}

function Save({
  view,
  query,
  done,
}: {
  view: View;
  query: Record<string, unknown>;
  done: () => unknown;
}) {
  const [name, setName] = useState("");
  const save = useMutation({
    mutationFn: () => saveFilter(view, name.trim(), query),
    onSuccess: () => {
      setName("");
      return done();
    },
  });
  return (
    <form
      className="saved-new"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) save.mutate();
      }}
    >
      <input
        className="field"
        aria-label="A name for this filter"
        placeholder="A name for this filter"
        value={name}
        maxLength={200}
        onChange={({ target }) => setName(target.value)}
      />
      <button type="submit" className="button" disabled={!name.trim() || save.isPending}>
        Save
      </button>
      {save.error ? <Trouble error={save.error} /> : null}
    </form>
  );
}
