import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ApiError } from "~/api/client";
import { type DefinitionShown, definition, type Kind } from "~/api/definitions";
import { DaysSelect } from "~/features/flows/DefinitionList";
import { DefinitionRuns } from "~/features/flows/DefinitionRuns";
import { Durations } from "~/features/flows/Durations";
import { RunsByDay } from "~/features/flows/RunsByDay";
import { RunsLink } from "~/features/flows/RunsLink";
import { Sums } from "~/features/flows/Sums";
import { Versions } from "~/features/flows/Versions";
import { useLive } from "~/live/useLive";
import type { Days } from "~/model/listSearch";
import { rerunCommand } from "~/model/rerun";
import { knownDays, wholeDays } from "~/model/trend";
import { CopyButton } from "~/parts/CopyButton";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";
import "./flows.css";

const USUAL_DAYS: Days = 30;
const PACE_MS = 2_000;

/** One flow or task: how its runs went, the newest of them, its versions. */
export function DefinitionPage({
  kind,
  name,
  days = USUAL_DAYS,
  change,
}: {
  kind: Kind;
  name: string;
  days: Days | undefined;
  change: (days: Days) => void;
}) {
  const found = useQuery(definition(kind, name, days));
  useLive("runs", ["definition", kind, name], PACE_MS);
  return (
    <div className="page">
      <nav className="crumbs" aria-label="Way here">
        <Link to={kind === "flow" ? "/flows" : "/tasks"} className="link">
          {kind === "flow" ? "Flows" : "Tasks"}
        </Link>
      </nav>
      {found.data ? (
        <Shown kind={kind} shown={found.data} days={days} change={change} />
      ) : (
        <h1>{name}</h1>
      )}
      {found.error ? (
        <Missing kind={kind} error={found.error} retry={() => found.refetch()} />
      ) : null}
      {found.isPending ? <Loading lines={8} /> : null}
    </div>
  );
}

function Shown({
  kind,
  shown,
  days,
  change,
}: {
  kind: Kind;
  shown: DefinitionShown;
  days: Days;
  change: (days: Days) => void;
}) {
  const { newest } = shown;
  const command = kind === "flow" ? rerunCommand(newest.entrypoint, {}) : null;
  // Sums reach back so many days from now, so they take a part of one more.
  const byDay = knownDays(wholeDays(shown.days, days + 1, Date.now()));
  return (
    <>
      <header className="definition-head">
        <div className="page-head">
          <h1>{shown.name}</h1>
          <span className="muted">{kind}</span>
          {newest.tags.map((tag) => (
            <span key={tag} className="tag">
              {tag}
            </span>
          ))}
          <div className="actions">
            {command ? <CopyButton text={command} name="Copy run command" /> : null}
            <RunsLink kind={kind} name={shown.name} className="button button-small">
              All runs
            </RunsLink>
            <DaysSelect days={days} change={change} />
          </div>
        </div>
        {newest.description ? <p className="definition-about">{newest.description}</p> : null}
      </header>
      <Sums kind={kind} name={shown.name} summed={shown.summed} days={days} />
      <div className="definition-charts">
        <RunsByDay kind={kind} name={shown.name} days={byDay} />
        <Durations days={byDay} />
      </div>
      <DefinitionRuns kind={kind} name={shown.name} />
      <Versions kind={kind} versions={shown.all_versions} />
    </>
  );
}

function Missing({ kind, error, retry }: { kind: Kind; error: Error; retry: () => void }) {
  if (!(error instanceof ApiError) || error.status !== 404) {
    return <Trouble error={error} retry={retry} />;
  }
  return (
    <Empty title={`There is no such ${kind}`}>
      It has never run here, or its last run was deleted.
      <Link to={kind === "flow" ? "/flows" : "/tasks"} className="button">
        All {kind}s
      </Link>
    </Empty>
  );
}
