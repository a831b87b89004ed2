import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { anyRun } from "~/api/dashboard";
import { type Dashboard, totalOf } from "~/api/shapes";
import { FailedNow } from "~/features/home/FailedNow";
import { FirstRun } from "~/features/home/FirstRun";
import { History } from "~/features/home/History";
import { PressedLimits } from "~/features/home/PressedLimits";
import { RunsNow } from "~/features/home/RunsNow";
import { TasksSummed } from "~/features/home/TasksSummed";
import { Throughput } from "~/features/home/Throughput";
import { useDashboard } from "~/features/home/useDashboard";
import { useTabLook } from "~/features/run-detail/useTabLook";
import { BACK } from "~/model/homeSearch";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";
import "./home.css";

const route = getRouteApi("/");

/** What is running, what failed and why, and how it went. */
export function HomePage() {
  const hours = route.useSearch().hours ?? BACK[0].hours;
  const found = useDashboard(hours);
  const data = found.data;
  useTabLook(data ? titleOf(data) : "Home", data ? typeOf(data) : undefined);
  return (
    <div className="page home">
      <header className="page-head">
        <h1>Home</h1>
        <nav className="actions segments" aria-label="How far back">
          {BACK.map((one) => (
            <Link
              key={one.hours}
              to="/"
              search={{ hours: one.hours === BACK[0].hours ? undefined : one.hours }}
              activeOptions={{ includeSearch: true, explicitUndefined: true }}
            >
              {one.name}
            </Link>
          ))}
        </nav>
      </header>
      {found.error ? <Trouble error={found.error} retry={() => found.refetch()} /> : null}
      {data ? <Shown data={data} hours={hours} /> : null}
      {found.isPending ? <Waiting /> : null}
    </div>
  );
}

function Shown({ data, hours }: { data: Dashboard; hours: number }) {
  const isQuiet =
    data.running.length === 0 &&
    data.failures.length === 0 &&
    totalOf(data.flow_runs.states) === 0 &&
    totalOf(data.task_runs.states) === 0;
  const any = useQuery({ ...anyRun(), enabled: isQuiet });
  if (isQuiet && any.isPending) return <Waiting />;
  if (isQuiet && any.data?.items.length === 0) return <FirstRun />;
  return (
    <div className="home-parts">
      <div className="home-main">
        <FailedNow failures={data.failures} hasMore={data.has_more_failures} />
        <RunsNow data={data} />
        <PressedLimits />
        <TasksSummed tasks={data.tasks} />
      </div>
      <div className="home-side">
        <History title="Flow runs" kind="flow" history={data.flow_runs} data={data} hours={hours} />
        <History title="Task runs" kind="task" history={data.task_runs} data={data} hours={hours} />
        <Throughput data={data} />
      </div>
    </div>
  );
}

function Waiting() {
  return (
    <div className="home-parts">
      <div className="home-main">
        <section className="card">
          <Loading lines={4} />
        </section>
        <section className="card">
          <Loading lines={6} />
        </section>
      </div>
      <div className="home-side">
        <section className="card">
          <Loading lines={5} />
        </section>
      </div>
    </div>
  );
}

/** What the browser's tab says: failures before anything else. */
function titleOf({ failures, has_more_failures, running }: Dashboard): string {
  if (failures.length > 0) return `${failures.length}${has_more_failures ? "+" : ""} failed`;
  return running.length > 0 ? `${running.length} running` : "Home";
}

function typeOf({ failures, running }: Dashboard): string | undefined {
  if (failures.length > 0) return "FAILED";
  return running.length > 0 ? "RUNNING" : undefined;
}
