import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { type ServiceShown, server, settings, version } from "~/api/settings";
import { bytesText } from "~/model/bytes";
import { ago } from "~/model/times";
import { Card } from "~/parts/Card";
import { Loading } from "~/parts/Loading";
import { StateMark } from "~/parts/StateMark";
import { Trouble } from "~/parts/Trouble";

/** What is running, how its parts are, how large its database is and what is kept how long. */
export function Server() {
  return (
    <div className="settings-grid">
      <About />
      <Services />
    </div>
  );
}

function About() {
  const about = useQuery(version());
  const now = useQuery(server());
  const given = useQuery(settings());
  const days = (name: string) => given.data?.items.find((one) => one.name === name)?.value;
  return (
    <Card title="Server">
      {about.error && !about.data ? (
        <Trouble error={about.error} retry={() => about.refetch()} />
      ) : null}
      {about.isPending ? <Loading lines={6} /> : null}
      {about.data ? (
        <dl className="settings-facts">
          <Fact name="Flowstone">{about.data.flowstone}</Fact>
          <Fact name="Python">{about.data.python}</Fact>
          <Fact name="Database">
            {about.data.database === "sqlite" ? "SQLite" : "PostgreSQL"}
            <span className="muted">, schema {about.data.schema}</span>
          </Fact>
          {now.data ? <Fact name="Its size">{bytesText(now.data.database_bytes)}</Fact> : null}
          {given.data ? (
            <>
              <Fact name="Runs are kept">{keptText(days("retention.runs_days"))}</Fact>
              <Fact name="Log lines">{keptText(days("retention.log_lines_days"))}</Fact>
              <Fact name="Artifacts">{keptText(days("retention.artifacts_days"))}</Fact>
            </>
          ) : null}
        </dl>
      ) : null}
      {given.data ? (
        <p className="settings-note">
          To keep them for longer, start the server with{" "}
          <code>FLOWSTONE_RETENTION_RUNS_DAYS=365</code>; 0 is for ever.
        </p>
      ) : null}
    </Card>
  );
}

function keptText(days: unknown): string {
  if (typeof days !== "number") return "–";
  return days === 0 ? "for ever" : `${days} ${days === 1 ? "day" : "days"}`;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="num">{children}</dd>
    </>
  );
}

const DOES: Readonly<Record<string, string>> = {
  collect: "Takes what runs record into the database",
  judge: "Finds runs whose process died",
  audit: "Writes down who changed what",
  sessions: "Forgets log-ins that are over",
  tend: "Keeps the database in shape",
  retention: "Deletes what was kept long enough",
  limits: "Frees slots whose holders are gone",
};

function Services() {
  const found = useQuery(server());
  const services = found.data?.services ?? [];
  const bad = services.filter((one) => one.is_late || one.error);
  return (
    <Card
      title="Health"
      flush
      more={
        found.data && !found.error ? (
          <span className={bad.length > 0 ? "settings-bad" : "settings-good"} aria-live="polite">
            {bad.length > 0 ? `${bad.length} of its parts in trouble` : "All parts work"}
          </span>
        ) : null
      }
    >
      {found.error ? <Trouble error={found.error} retry={() => found.refetch()} /> : null}
      {found.isPending ? <Loading lines={6} /> : null}
      <ul className="services">
        {services.map((one) => (
          <Service key={one.name} one={one} />
        ))}
      </ul>
    </Card>
  );
}

function Service({ one }: { one: ServiceShown }) {
  const isBad = one.is_late || one.error !== "";
  return (
    <li>
      <StateMark type={isBad ? "FAILED" : "COMPLETED"} size={14} />
      <span className="services-name">
        <strong>{one.name}</strong>
        <span className="muted">{DOES[one.name] ?? ""}</span>
        {one.error ? <span className="settings-bad services-error">{one.error}</span> : null}
      </span>
      <span className="muted num">
        {one.is_late ? "late: " : ""}
        {one.runs === 0 ? "not done yet" : ago(-1_000 * one.age, 0)}
        {one.failures > 0
          ? ` · failed ${one.failures.toLocaleString("en")} ${one.failures === 1 ? "time" : "times"}`
          : ""}
      </span>
    </li>
  );
}
