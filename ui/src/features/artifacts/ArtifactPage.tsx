import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { type ArtifactItem, artifact } from "~/api/artifacts";
import { ApiError } from "~/api/client";
import { ArtifactBody } from "~/features/artifacts/ArtifactBody";
import { ArtifactIcon, typeText } from "~/features/artifacts/ArtifactIcon";
import { DeleteArtifact } from "~/features/artifacts/DeleteArtifact";
import { History } from "~/features/artifacts/History";
import { useLive } from "~/live/useLive";
import { CopyButton } from "~/parts/CopyButton";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Ago } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";
import "./artifacts.css";

const route = getRouteApi("/artifacts/$id");

/** One version of an artifact, and the others of its key. */
export function ArtifactPage() {
  const { id } = route.useParams();
  const found = useQuery(artifact(id));
  useLive("artifacts", ["artifact", id]);
  return (
    <div className="page">
      <nav className="crumbs" aria-label="Way here">
        <Link to="/artifacts" className="link">
          Artifacts
        </Link>
      </nav>
      {found.data ? <Shown one={found.data} /> : null}
      {found.error && !found.data ? (
        <Missing error={found.error} retry={() => found.refetch()} />
      ) : null}
      {found.isPending ? <Loading lines={8} /> : null}
    </div>
  );
}

function Shown({ one }: { one: ArtifactItem }) {
  const [isAsked, setAsked] = useState(false);
  return (
    <>
      <header className="artifact-head">
        <div className="page-head">
          <ArtifactIcon type={one.type} />
          <h1>{one.key ?? typeText(one.type)}</h1>
          <div className="actions">
            {one.data ? <CopyButton text={one.data} name="Copy data" /> : null}
            <CopyButton text={one.id} name="Copy id" />
            <button
              type="button"
              className="button button-small button-danger"
              onClick={() => setAsked(true)}
            >
              <Trash2 size={13} aria-hidden="true" />
              Delete
            </button>
          </div>
        </div>
        <dl className="artifact-facts">
          {one.flow_run ? (
            <Fact name="From">
              <Link to="/runs/$id" params={{ id: one.flow_run }} className="link">
                {one.flow_run_name ?? "a flow run"}
              </Link>
              {one.task_run ? (
                <>
                  <span className="muted"> › </span>
                  <Link to="/task-runs/$id" params={{ id: one.task_run }} className="link">
                    {one.task_run_name ?? "a task run"}
                  </Link>
                </>
              ) : null}
            </Fact>
          ) : null}
          <Fact name="Made">
            <Ago at={one.created} />
          </Fact>
          {one.updated === one.created ? null : (
            <Fact name="Updated">
              <Ago at={one.updated} />
            </Fact>
          )}
        </dl>
      </header>
      <div className={one.key ? "artifact-split" : ""}>
        <section className="card artifact-body" aria-label="Data">
          {one.description ? <p className="artifact-about">{one.description}</p> : null}
          <ArtifactBody type={one.type} data={one.data} />
        </section>
        {one.key ? <History name={one.key} id={one.id} /> : null}
      </div>
      {isAsked ? <DeleteArtifact one={one} close={() => setAsked(false)} /> : null}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Missing({ error, retry }: { error: Error; retry: () => void }) {
  if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 400)) {
    return <Trouble error={error} retry={retry} />;
  }
  return (
    <Empty title="There is no such artifact">
      It may have been deleted.
      <Link to="/artifacts" className="button">
        All artifacts
      </Link>
    </Empty>
  );
}
