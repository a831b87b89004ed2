import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type ArtifactItem, artifactVersions } from "~/api/artifacts";
import { useLive } from "~/live/useLive";
import { Loading } from "~/parts/Loading";
import { type Column, RowList } from "~/parts/RowList";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

/** The versions of a key, the newest first; the one that is shown is marked. */
export function History({ name, id }: { name: string; id: string }) {
  const found = useInfiniteQuery(artifactVersions(name));
  useLive("artifacts", ["artifact-versions", name], 1_000);
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.items) ?? [], [found.data]);
  const newest = rows[0];
  return (
    <section className="card artifact-history" aria-label="Versions of this key">
      <header className="card-head">
        <h2>Versions</h2>
        {newest && newest.id !== id ? (
          <Link to="/artifacts/$id" params={{ id: newest.id }} className="link">
            Show the newest
          </Link>
        ) : (
          <span className="muted">{newest ? "this is the newest" : ""}</span>
        )}
      </header>
      {found.error && rows.length === 0 ? (
        <Trouble error={found.error} retry={() => found.refetch()} />
      ) : null}
      {found.isPending ? <Loading lines={4} /> : null}
      {rows.length > 0 ? (
        <RowList
          name="Versions"
          look="version-list"
          columns={COLUMNS}
          rows={rows}
          keyOf={(row) => row.id}
          current={id}
          height={38}
          more={found}
        />
      ) : null}
    </section>
  );
}

const COLUMNS: readonly Column<ArtifactItem>[] = [
  {
    name: "Made",
    cell: (one) => (
      <Link to="/artifacts/$id" params={{ id: one.id }} className="row-link">
        <Ago at={one.created} />
      </Link>
    ),
  },
  {
    name: "By",
    cell: (one) => <span className="muted">{one.flow_run_name ?? "no run"}</span>,
  },
];
