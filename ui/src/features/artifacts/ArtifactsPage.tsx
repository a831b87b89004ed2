import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type ArtifactItem, artifacts } from "~/api/artifacts";
import { ArtifactIcon, typeText } from "~/features/artifacts/ArtifactIcon";
import { Glance } from "~/features/artifacts/Glance";
import { useLive } from "~/live/useLive";
import { ARTIFACT_TYPES, type ArtifactSearch } from "~/model/listSearch";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { type Column, RowList } from "~/parts/RowList";
import { SearchField } from "~/parts/SearchField";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";
import "./artifacts.css";

const route = getRouteApi("/artifacts");

/** What runs left for people to see: the newest of each key, or all. */
export function ArtifactsPage() {
  const { type, all, search } = route.useSearch();
  const navigate = route.useNavigate();
  const found = useInfiniteQuery(artifacts(all ? "all" : "newest", type ?? "", search ?? ""));
  useLive("artifacts", ["artifacts"], 1_000);
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Artifacts</h1>
      </header>
      <section className="card" aria-label="Artifacts">
        <nav className="tabs artifact-tabs" aria-label="Which artifacts">
          <Tab search={{ type, search }}>Latest of each key</Tab>
          <Tab search={{ type, all: true }}>All</Tab>
        </nav>
        <div className="list-tools" role="search" aria-label="Filter">
          {all ? null : (
            <SearchField
              name="Part of a key"
              value={search ?? ""}
              change={(text) => {
                const wanted = text || undefined;
                void navigate({
                  search: (before) => ({ ...before, search: wanted }),
                  replace: true,
                });
              }}
            />
          )}
          <select
            className="field"
            aria-label="Type"
            value={type ?? ""}
            onChange={({ target }) => {
              const wanted = target.value || undefined;
              void navigate({ search: (before) => ({ ...before, type: wanted }), replace: true });
            }}
          >
            <option value="">All types</option>
            {ARTIFACT_TYPES.map((one) => (
              <option key={one} value={one}>
                {typeText(one)}
              </option>
            ))}
            {type && !ARTIFACT_TYPES.some((one) => one === type) ? (
              <option value={type}>{type}</option>
            ) : null}
          </select>
        </div>
        {found.error && rows.length === 0 ? (
          <Trouble error={found.error} retry={() => found.refetch()} />
        ) : null}
        {found.isPending ? <Loading lines={9} /> : null}
        {found.data && rows.length === 0 ? <Nothing type={type} all={all} search={search} /> : null}
        {rows.length > 0 ? (
          <RowList
            name="Artifacts"
            look="artifact-list"
            columns={COLUMNS}
            rows={rows}
            keyOf={(row) => row.id}
            more={found}
          />
        ) : null}
      </section>
    </div>
  );
}

function Tab({ search, children }: { search: ArtifactSearch; children: string }) {
  return (
    <Link
      to="/artifacts"
      search={search}
      className="tab"
      activeOptions={{ exact: true, includeSearch: true }}
    >
      {children}
    </Link>
  );
}

const COLUMNS: readonly Column<ArtifactItem>[] = [
  {
    name: "Artifact",
    cell: (one) => (
      <span className="artifact-name">
        <ArtifactIcon type={one.type} />
        <span className="row-two">
          <Link to="/artifacts/$id" params={{ id: one.id }} className="row-link">
            {one.key ?? <span className="muted">no key</span>}
          </Link>
          <span>{one.description?.split("\n")[0] || typeText(one.type)}</span>
        </span>
      </span>
    ),
  },
  { name: "At a glance", look: "wide-only", cell: (one) => <Glance artifact={one} /> },
  {
    name: "From",
    look: "wide-only",
    cell: (one) =>
      one.flow_run ? (
        <Link
          to={one.task_run ? "/task-runs/$id" : "/runs/$id"}
          params={{ id: one.task_run ?? one.flow_run }}
        >
          {one.flow_run_name ?? "a flow run"}
          {one.task_run_name ? <span className="muted"> › {one.task_run_name}</span> : null}
        </Link>
      ) : (
        <span className="muted">no run</span>
      ),
  },
  {
    name: "Updated",
    look: "right",
    cell: (one) => (
      <span className="muted">
        <Ago at={one.updated} />
      </span>
    ),
  },
];

function Nothing({ type, all, search }: ArtifactSearch) {
  if (type || search) {
    return (
      <Empty title="No artifact fits">
        <Link to="/artifacts" search={{ all }} className="button">
          Show all
        </Link>
      </Empty>
    );
  }
  return (
    <Empty title={all ? "No artifacts yet" : "No artifact has a key yet"}>
      Leave one from a task or a flow; those of one key are versions of one thing:
      <pre>{FIRST}</pre>
    </Empty>
  );
}

const FIRST = `from flowstone.artifacts import create_table_artifact

create_table_artifact([{"city": "Oslo", "°C": 4}], key="weather")`;
