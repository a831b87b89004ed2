import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "~/api/client";
import { type LimitDetails, type LimitWaiter, limit } from "~/api/limits";
import { Lately } from "~/features/limits/Lately";
import { LimitActions } from "~/features/limits/LimitActions";
import { LimitRunLink } from "~/features/limits/LimitRunLink";
import { Slots } from "~/features/limits/Slots";
import { placesOf } from "~/model/limitRun";
import { Card } from "~/parts/Card";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Ago, Took } from "~/parts/Time";
import { Trouble } from "~/parts/Trouble";

const SHOWN = 200; // who waits behind so many need not be read by name

/** One limit: what is taken of it, who holds its slots, who waits for them and in which order. */
export function LimitPanel({ id, gone }: { id: string; gone: () => void }) {
  const found = useQuery(limit(id));
  if (found.data && !isGone(found.error)) {
    return <Shown limit={found.data} at={found.dataUpdatedAt} gone={gone} />;
  }
  return (
    <section className="card" aria-label="Limit">
      {found.isPending ? <Loading lines={6} /> : null}
      {found.error ? (
        isGone(found.error) ? (
          <Empty title="This limit was deleted" />
        ) : (
          <Trouble error={found.error} retry={() => found.refetch()} />
        )
      ) : null}
    </section>
  );
}

function isGone(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 404;
}

function Shown({ limit, at, gone }: { limit: LimitDetails; at: number; gone: () => void }) {
  const isRate = limit.slot_decay_per_second > 0;
  return (
    <Card
      title={<span className="limit-title">{limit.name}</span>}
      flush
      more={<LimitActions limit={limit} gone={gone} />}
    >
      <div className="limit-now" aria-live="off">
        <Slots limit={limit} />
        <Lately limit={limit} at={at} />
        {limit.active ? null : (
          <p className="limit-note">
            It is off: it lets everything through. Edit it to turn it on.
          </p>
        )}
        {limit.overlaps > 0 ? (
          <p className="limit-note">
            {limit.overlaps.toLocaleString("en")} {limit.overlaps === 1 ? "time" : "times"} a holder
            that was stopped past its lease ran beside others.
          </p>
        ) : null}
        <p className="muted limit-when">
          {isRate ? `${limit.slot_decay_per_second} become free each second. ` : ""}
          Changed <Ago at={limit.updated} />.
        </p>
      </div>
      <Part title="Holders" count={limit.used}>
        {limit.holders.length > 0 ? <Holders limit={limit} /> : <None>Nobody holds a slot.</None>}
      </Part>
      <Part title="Waiting" count={limit.waiting}>
        {limit.waiters.length > 0 ? (
          <Waiters waiters={limit.waiters} waiting={limit.waiting} />
        ) : (
          <None>Nobody waits.</None>
        )}
      </Part>
    </Card>
  );
}

function Part({ title, count, children }: { title: string; count: number; children: ReactNode }) {
  return (
    <section className="limit-part">
      <h3>
        {title} <span className="muted num">{count.toLocaleString("en")}</span>
      </h3>
      {children}
    </section>
  );
}

function None({ children }: { children: ReactNode }) {
  return <p className="muted limit-none">{children}</p>;
}

function Holders({ limit }: { limit: LimitDetails }) {
  return (
    <table className="table limit-table">
      <thead>
        <tr>
          <th scope="col" className="right">
            Slot
          </th>
          <th scope="col">Who</th>
          <th scope="col" className="limit-process">
            Process
          </th>
          <th scope="col" className="right">
            For
          </th>
        </tr>
      </thead>
      <tbody>
        {limit.holders.map((one) => (
          <tr key={`${one.slot} ${one.since}`}>
            <td className="right muted num">{one.slot + 1}</td>
            <td className="limit-who">
              <LimitRunLink label={one.label} run={one.run} />
            </td>
            <td className="limit-process muted num">{processText(one.pid, one.host)}</td>
            <td className="right">
              <Took start={one.since} end={null} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Waiters({ waiters, waiting }: { waiters: readonly LimitWaiter[]; waiting: number }) {
  const shown = placesOf(waiters).slice(0, SHOWN);
  const behind = waiting - (shown.at(-1)?.last ?? 0);
  return (
    <>
      <ol className="limit-queue">
        {shown.map((one) => (
          <li key={one.position}>
            <span className="muted num">
              {one.position}
              {one.last > one.position ? `–${one.last.toLocaleString("en")}` : ""}
            </span>
            <span className="limit-who">
              <LimitRunLink label={one.label} run={one.run} count={one.last - one.position + 1} />
            </span>
            <span className="muted num">{processText(one.pid, one.host)}</span>
          </li>
        ))}
      </ol>
      {behind > 0 ? (
        <p className="muted limit-none">and {behind.toLocaleString("en")} behind them</p>
      ) : null}
    </>
  );
}

function processText(pid: number | null, host: string): string {
  if (pid === null) return host || "–";
  return `${pid} on ${host || "the server"}`;
}
