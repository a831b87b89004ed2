import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Plus, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { type Variable, variables } from "~/api/variables";
import { DeleteVariable } from "~/features/variables/DeleteVariable";
import { VariableForm } from "~/features/variables/VariableForm";
import { shortJson } from "~/model/json";
import type { VariableSearch } from "~/model/listSearch";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { type Column, RowList } from "~/parts/RowList";
import { SearchField } from "~/parts/SearchField";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";
import "./variables.css";

const route = getRouteApi("/variables");

type Asked =
  | { readonly what: "add" }
  | { readonly what: "edit" | "delete"; readonly one: Variable };

/** The variables that programs share: listed, added, changed, deleted. */
export function VariablesPage() {
  const { search, tag } = route.useSearch();
  const navigate = route.useNavigate();
  const [asked, setAsked] = useState<Asked | null>(null);
  const found = useInfiniteQuery(variables(search ?? "", tag ?? ""));
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  const columns = useMemo(() => columnsOf(setAsked), []);
  const close = () => setAsked(null);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Variables</h1>
        <div className="actions">
          <button
            type="button"
            className="button button-main"
            onClick={() => setAsked({ what: "add" })}
          >
            <Plus size={15} aria-hidden="true" />
            New variable
          </button>
        </div>
      </header>
      <section className="card" aria-label="Variables">
        <div className="list-tools" role="search" aria-label="Filter">
          <SearchField
            name="Part of a name"
            value={search ?? ""}
            change={(text) => {
              const wanted = text || undefined;
              void navigate({ search: (before) => ({ ...before, search: wanted }), replace: true });
            }}
          />
          {tag ? (
            <Link to="/variables" search={{ search }} className="tag" title="Show all tags">
              Tag {tag} ×
            </Link>
          ) : null}
        </div>
        {found.error && rows.length === 0 ? (
          <Trouble error={found.error} retry={() => found.refetch()} />
        ) : null}
        {found.isPending ? <Loading lines={7} /> : null}
        {found.data && rows.length === 0 ? <Nothing search={{ search, tag }} /> : null}
        {rows.length > 0 ? (
          <RowList
            name="Variables"
            look="variable-list"
            columns={columns}
            rows={rows}
            keyOf={(row) => row.id}
            more={found}
          />
        ) : null}
      </section>
      {asked?.what === "add" ? <VariableForm close={close} /> : null}
      {asked?.what === "edit" ? <VariableForm variable={asked.one} close={close} /> : null}
      {asked?.what === "delete" ? <DeleteVariable variable={asked.one} close={close} /> : null}
    </div>
  );
}

function columnsOf(ask: (asked: Asked) => void): readonly Column<Variable>[] {
  return [
    {
      name: "Name",
      cell: (one) => (
        <button
          type="button"
          className="row-link variable-name"
          title="Edit it"
          onClick={() => ask({ what: "edit", one })}
        >
          {one.name}
        </button>
      ),
    },
    {
      name: "Value",
      cell: (one) => <code title={shortJson(one.value, 600)}>{shortJson(one.value)}</code>,
    },
    {
      name: "Tags",
      look: "wide-only variable-tags",
      cell: (one) =>
        one.tags.map((tag) => (
          <Link
            key={tag}
            from="/variables"
            to="/variables"
            search={(before) => ({ ...before, tag })}
            className="tag"
          >
            {tag}
          </Link>
        )),
    },
    {
      name: "Updated",
      look: "right wide-only",
      cell: (one) => (
        <span className="muted">
          <Ago at={one.updated} />
        </span>
      ),
    },
    {
      name: "Delete",
      isQuiet: true,
      look: "right",
      cell: (one) => (
        <button
          type="button"
          className="button button-small button-plain button-danger"
          aria-label={`Delete ${one.name}`}
          title="Delete it"
          onClick={() => ask({ what: "delete", one })}
        >
          <Trash2 size={14} aria-hidden="true" />
        </button>
      ),
    },
  ];
}

function Nothing({ search: { search, tag } }: { search: VariableSearch }) {
  if (search || tag) {
    return (
      <Empty title="No variable fits">
        <Link to="/variables" className="button">
          Show all
        </Link>
      </Empty>
    );
  }
  return (
    <Empty title="No variables yet">
      A variable is a small value that programs share. Make one here, or so:
      <pre>{FIRST}</pre>
    </Empty>
  );
}

const FIRST = `flowstone variable set batch_size 500

from flowstone.variables import Variable
Variable.get("batch_size")   # 500`;
