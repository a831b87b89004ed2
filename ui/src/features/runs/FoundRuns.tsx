import { useCallback, useState } from "react";
import { BulkBar } from "~/features/runs/BulkBar";
import { type Asked, BulkDialog, type Verb } from "~/features/runs/BulkDialog";
import { NoRuns } from "~/features/runs/NoRuns";
import { RunsList } from "~/features/runs/RunsList";
import { useRunsList } from "~/features/runs/useRunsList";
import { queryOf, type RunFilter } from "~/model/filters";
import { ago } from "~/model/times";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";

/** The runs that fit, for ever down; what is selected of them can be cancelled or deleted. */
export function FoundRuns({ filter }: { filter: RunFilter }) {
  const { found, items, setView, goesOn, searchedTo, readAnew } = useRunsList(filter);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [isAll, setAll] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const isTask = filter.kind === "task";
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found;
  const canRead = goesOn && !isFetchingNextPage && !found.isFetchNextPageError;
  const readOn = useCallback(() => void fetchNextPage(), [fetchNextPage]);

  const select = (ids: readonly string[], isSelected: boolean) => {
    const next = new Set(selected);
    for (const id of ids) isSelected ? next.add(id) : next.delete(id);
    setSelected(next);
    setAll(false);
  };
  const clear = () => {
    setSelected(new Set());
    setAll(false);
  };
  const ask = (verb: Verb) => {
    // What begins while the question stands is not meant; what is over cannot be cancelled.
    const now = Date.now();
    const bounds = { created_before: new Date(now).toISOString(), ...queryOf(filter, now) };
    const meant = isAll
      ? { filter: verb === "cancel" ? { ...bounds, is_open: true } : bounds }
      : { ids: [...selected] };
    setAsked({ verb, kind: filter.kind, meant, count: isAll ? null : selected.size });
  };
  return (
    <section className="card runs-found" aria-label={isTask ? "Task runs" : "Flow runs"}>
      {found.error ? <Trouble error={found.error} retry={() => found.refetch()} /> : null}
      {found.isPending ? <Loading lines={10} /> : null}
      {found.data && items.length === 0 && !hasNextPage ? <NoRuns filter={filter} /> : null}
      {items.length > 0 ? (
        <RunsList
          items={items}
          isTask={isTask}
          selected={selected}
          select={select}
          setView={setView}
          readOn={canRead ? readOn : null}
        />
      ) : null}
      {found.data && (items.length > 0 || hasNextPage) ? (
        <footer className="runs-foot muted" aria-live="polite">
          {isFetchingNextPage ? "Looking further back…" : null}
          {!isFetchingNextPage && hasNextPage && (!goesOn || items.length === 0) ? (
            <button type="button" className="button button-small" onClick={readOn}>
              Look further back{searchedTo ? ` than ${ago(searchedTo, Date.now())}` : ""}
            </button>
          ) : null}
          {hasNextPage ? null : `${items.length.toLocaleString("en")} in all`}
        </footer>
      ) : null}
      {selected.size > 0 ? (
        <BulkBar
          count={selected.size}
          isAll={isAll}
          canAll={hasNextPage}
          isTask={isTask}
          selectAll={() => setAll(true)}
          clear={clear}
          ask={ask}
        />
      ) : null}
      {asked ? (
        <BulkDialog
          asked={asked}
          nameOf={(id) => items.find((run) => run.id === id)?.name ?? id}
          close={() => {
            setAsked(null);
            clear();
            readAnew();
          }}
        />
      ) : null}
    </section>
  );
}
