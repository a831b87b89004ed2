import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type Definition, definitions, type Kind } from "~/api/definitions";
import { DefinitionLink } from "~/features/flows/DefinitionLink";
import { RunsLink } from "~/features/flows/RunsLink";
import { useLive } from "~/live/useLive";
import { DAYS, type Days, type DefinitionSearch } from "~/model/listSearch";
import { duration } from "~/model/times";
import { percent } from "~/model/trend";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { type Column, RowList } from "~/parts/RowList";
import { SearchField } from "~/parts/SearchField";
import { StateBadge } from "~/parts/StateBadge";
import { StateBar } from "~/parts/StateBar";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";
import "./flows.css";

export const USUAL_DAYS: Days = 7;

const PACE_MS = 2_000;

/** The flows or the tasks, each with its last run and how its runs went lately. */
export function DefinitionList({
  kind,
  search,
  change,
}: {
  kind: Kind;
  search: DefinitionSearch;
  change: (changes: DefinitionSearch) => void;
}) {
  const days = search.days ?? USUAL_DAYS;
  const found = useInfiniteQuery(definitions(kind, search.search ?? "", days));
  useLive("runs", ["definitions", kind], PACE_MS);
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Flows & tasks</h1>
      </header>
      <section className="card" aria-label={kind === "flow" ? "Flows" : "Tasks"}>
        <nav className="tabs definition-tabs" aria-label="Flows or tasks">
          <Link
            to="/flows"
            search={search}
            className="tab"
            activeOptions={{ includeSearch: false }}
          >
            Flows
          </Link>
          <Link
            to="/tasks"
            search={search}
            className="tab"
            activeOptions={{ includeSearch: false }}
          >
            Tasks
          </Link>
        </nav>
        <div className="list-tools" role="search" aria-label="Filter">
          <SearchField
            name={`Part of a ${kind}'s name`}
            value={search.search ?? ""}
            change={(text) => change({ search: text || undefined })}
          />
          <DaysSelect days={days} change={(wanted) => change({ days: wanted })} />
        </div>
        {found.error && rows.length === 0 ? (
          <Trouble error={found.error} retry={() => found.refetch()} />
        ) : null}
        {found.isPending ? <Loading lines={9} /> : null}
        {found.data && rows.length === 0 ? <Nothing kind={kind} search={search.search} /> : null}
        {rows.length > 0 ? (
          <RowList
            name={kind === "flow" ? "Flows" : "Tasks"}
            look="definition-list"
            columns={COLUMNS[kind]}
            rows={rows}
            keyOf={(row) => row.name}
            more={found}
          />
        ) : null}
      </section>
    </div>
  );
}

/** Over how many days runs are summed up. */
export function DaysSelect({ days, change }: { days: Days; change: (days: Days) => void }) {
  return (
    <select
      className="field"
      aria-label="Time"
      value={days}
      onChange={({ target }) => {
        const wanted = DAYS.find((one) => one === Number(target.value));
        if (wanted) change(wanted);
      }}
    >
      {DAYS.map((one) => (
        <option key={one} value={one}>
          {one === 1 ? "Last day" : `Last ${one} days`}
        </option>
      ))}
    </select>
  );
}

const COLUMNS: Readonly<Record<Kind, readonly Column<Definition>[]>> = {
  flow: columnsOf("flow"),
  task: columnsOf("task"),
};

function columnsOf(kind: Kind): readonly Column<Definition>[] {
  return [
    {
      name: kind === "flow" ? "Flow" : "Task",
      cell: ({ name, newest }) => (
        <span className="row-two">
          <DefinitionLink kind={kind} name={name} className="row-link" />
          {newest.description ? <span>{newest.description.split("\n")[0]}</span> : null}
        </span>
      ),
    },
    { name: "Last run", cell: (row) => <Last row={row} /> },
    {
      name: "Runs",
      look: "definition-runs wide-only",
      cell: ({ summed }) => (
        <>
          <StateBar counts={summed.states} />
          <span className="num">{summed.runs.toLocaleString("en")}</span>
        </>
      ),
    },
    {
      name: "Failed",
      look: "right",
      cell: ({ name, summed }) =>
        summed.failed > 0 ? (
          <RunsLink kind={kind} name={name} bad className="definition-bad">
            {percent(summed.failure_rate)}
          </RunsLink>
        ) : (
          <span className="muted">{percent(summed.failure_rate)}</span>
        ),
    },
    { name: "p50", look: "right wide-only", cell: ({ summed }) => duration(summed.p50_seconds) },
    { name: "p95", look: "right wide-only", cell: ({ summed }) => duration(summed.p95_seconds) },
    {
      name: "Saved by cache",
      look: "right wide-only",
      cell: ({ summed }) =>
        summed.hits > 0 ? (
          <span title={`${summed.hits.toLocaleString("en")} runs took a kept result`}>
            {duration(summed.saved_seconds)}
          </span>
        ) : (
          <span className="muted">–</span>
        ),
    },
  ];
}

function Last({ row: { last } }: { row: Definition }) {
  if (!last) return <span className="muted">–</span>;
  return (
    <span className="definition-last">
      <StateBadge type={last.state.type} name={last.state.name} />
      <span className="muted">
        <Ago at={last.started ?? last.created} />
      </span>
    </span>
  );
}

function Nothing({ kind, search }: { kind: Kind; search: string | undefined }) {
  if (search) {
    return <Empty title={`No ${kind} has “${search}” in its name`}>Names fit in any case.</Empty>;
  }
  return (
    <Empty title={`No ${kind} has run yet`}>
      A {kind} is here from its first run on. Write one, and run its file:
      <pre>{FIRST}</pre>
    </Empty>
  );
}

const FIRST = `from flowstone import flow, task

@task
def double(x):
    return 2 * x

@flow
def hello():
    return [double(x) for x in range(3)]

hello()`;
