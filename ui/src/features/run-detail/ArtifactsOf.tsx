import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { artifact } from "~/api/artifacts";
import { type ArtifactsWanted, artifactsOf } from "~/api/artifactsOf";
import type { ArtifactItem } from "~/api/shapes";
import { ArtifactBody } from "~/features/artifacts/ArtifactBody";
import { Card } from "~/parts/Card";
import { Loading } from "~/parts/Loading";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";
import "./artifactsOf.css";

/** The artifacts that runs left, each as it is to be seen; nothing where there are none. */
export function ArtifactsOf({ wanted }: { wanted: ArtifactsWanted }) {
  const found = useInfiniteQuery(artifactsOf(wanted));
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  if (found.error && items.length === 0) {
    return <Trouble error={found.error} retry={() => found.refetch()} />;
  }
  if (items.length === 0) return null;
  return (
    <div className="artifacts-of">
      {items.map((one) => (
        <Shown key={one.id} item={one} hasRun={wanted.task_run === undefined} />
      ))}
      {found.hasNextPage ? (
        <button
          type="button"
          className="button"
          disabled={found.isFetchingNextPage}
          onClick={() => found.fetchNextPage()}
        >
          {found.isFetchingNextPage ? "Loading…" : "Show older artifacts"}
        </button>
      ) : null}
    </div>
  );
}

function Shown({ item, hasRun }: { item: ArtifactItem; hasRun: boolean }) {
  const whole = useQuery(artifact(item.id));
  return (
    <Card
      title={item.key ?? item.description ?? item.type}
      more={
        <div className="artifact-whence muted">
          <span className="tag">{item.type}</span>
          {hasRun && item.task_run ? (
            <Link to="/task-runs/$id" params={{ id: item.task_run }} className="link">
              {item.task_run_name ?? "task run"}
            </Link>
          ) : null}
          <Ago at={item.updated} />
        </div>
      }
    >
      {item.description && item.key ? <p className="muted">{item.description}</p> : null}
      {whole.data ? <ArtifactBody type={whole.data.type} data={whole.data.data} /> : null}
      {whole.isPending ? <Loading lines={3} /> : null}
      {whole.error && !whole.data ? (
        <Trouble error={whole.error} retry={() => whole.refetch()} />
      ) : null}
    </Card>
  );
}
