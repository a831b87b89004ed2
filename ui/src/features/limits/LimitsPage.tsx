import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { type LimitItem, limits } from "~/api/limits";
import { LimitForm } from "~/features/limits/LimitForm";
import { LimitPanel } from "~/features/limits/LimitPanel";
import { Usage } from "~/features/limits/Usage";
import { useLive } from "~/live/useLive";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { type Column, RowList } from "~/parts/RowList";
import { SearchField } from "~/parts/SearchField";
import { Trouble } from "~/parts/Trouble";
import "./limits.css";

const route = getRouteApi("/limits");

/** The limits: what is taken of each, and of one who holds its slots and who waits. */
export function LimitsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [isAdding, setAdding] = useState(false);
  const found = useInfiniteQuery(limits(search.prefix ?? ""));
  useLive("limits", ["limits"]);
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  const first = useBusiest(rows);
  const open = search.id ?? first;
  const select = (id: string | undefined) => {
    void navigate({ search: (before) => ({ ...before, id }) });
  };
  return (
    <div className="page">
      <header className="page-head">
        <h1>Limits</h1>
        <div className="actions">
          <button type="button" className="button button-main" onClick={() => setAdding(true)}>
            <Plus size={15} aria-hidden="true" />
            New limit
          </button>
        </div>
      </header>
      {found.error && rows.length === 0 ? (
        <Trouble error={found.error} retry={() => found.refetch()} />
      ) : null}
      <div className={`limits ${search.id ? "limits-open" : ""}`}>
        <section className="card limits-all" aria-label="All limits">
          <div className="list-tools" role="search" aria-label="Filter">
            <SearchField
              name="Names that begin so"
              value={search.prefix ?? ""}
              change={(text) => {
                void navigate({
                  search: (before) => ({ ...before, prefix: text || undefined }),
                  replace: true,
                });
              }}
            />
          </div>
          {found.isPending ? <Loading lines={6} /> : null}
          {found.data && rows.length === 0 ? <NoLimits prefix={search.prefix} /> : null}
          {rows.length > 0 ? (
            <RowList
              name="Limits"
              look="limit-list"
              columns={COLUMNS}
              rows={rows}
              keyOf={(row) => row.id}
              current={open}
              more={found}
            />
          ) : null}
        </section>
        {open ? (
          <section className="limits-one" aria-label="One limit">
            <Link to="/limits" search={{ prefix: search.prefix }} className="link limits-back">
              All limits
            </Link>
            <LimitPanel key={open} id={open} gone={() => select(undefined)} />
          </section>
        ) : null}
      </div>
      {isAdding ? <LimitForm close={() => setAdding(false)} made={select} /> : null}
    </div>
  );
}

/** The id of the one that was the busiest when the page was opened, as long as it is there. */
function useBusiest(rows: readonly LimitItem[]): string | undefined {
  const [id, setId] = useState<string>();
  const isThere = rows.some((one) => one.id === id);
  useEffect(() => {
    if (!isThere) setId(busiest(rows)?.id);
  }, [isThere, rows]);
  return isThere ? id : undefined;
}

/** The one that people most likely came for: that many wait for, then that is most taken. */
function busiest(rows: readonly LimitItem[]): LimitItem | undefined {
  const share = (one: LimitItem) => one.used / Math.max(1, one.limit);
  return [...rows].sort(
    (one, other) => other.waiting - one.waiting || share(other) - share(one),
  )[0];
}

const COLUMNS: readonly Column<LimitItem>[] = [
  {
    name: "Limit",
    cell: (limit) => (
      <span className="row-two">
        <Link
          from="/limits"
          to="/limits"
          search={(before) => ({ ...before, id: limit.id })}
          className="row-link"
          resetScroll={false}
        >
          {limit.name}
        </Link>
        <span>{aboutOf(limit)}</span>
      </span>
    ),
  },
  { name: "Taken", cell: (limit) => <Usage limit={limit} /> },
  {
    name: "Waiting",
    look: "right",
    cell: ({ waiting }) => (
      <span className={waiting > 0 ? "limit-waiting" : "muted"}>
        {waiting.toLocaleString("en")}
      </span>
    ),
  },
];

function aboutOf(limit: LimitItem): string {
  const kind =
    limit.slot_decay_per_second > 0
      ? `Rate: ${limit.slot_decay_per_second} free a second`
      : limit.name.startsWith("tag:")
        ? `Task runs with the tag ${limit.name.slice(4)}`
        : "concurrency() in code";
  return limit.active ? kind : "Off: lets everything through";
}

function NoLimits({ prefix }: { prefix: string | undefined }) {
  if (prefix) return <Empty title={`No limit's name begins with “${prefix}”`} />;
  return (
    <Empty title="No limits yet">
      A limit bounds how many task runs with a tag, or how many blocks of code, run at once, in all
      processes together. Make one here, or so:
      <pre>{FIRST}</pre>
    </Empty>
  );
}

const FIRST = `flowstone concurrency-limit create db 5   # task runs with the tag db
flowstone gcl create api --limit 10       # with concurrency("api"):`;
