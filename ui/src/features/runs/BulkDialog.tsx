import { useEffect, useRef, useState } from "react";
import type { Meant } from "~/api/runs";
import {
  actOnFlows,
  cancelTasks,
  NOTHING,
  type RunOutcome,
  type Summary,
  withOutcomes,
} from "~/features/runs/acting";
import { Modal } from "~/parts/Modal";
import { Trouble } from "~/parts/Trouble";

export type Verb = "cancel" | "delete";

export interface Asked {
  readonly verb: Verb;
  readonly kind: "task" | undefined;
  readonly meant: Meant;
  /** How many are meant; null where nobody counted. */
  readonly count: number | null;
}

const WORDS = {
  cancelled: "cancelled",
  asked: "asked to stop; they end as Cancelled in a moment",
  deleted: "deleted",
  changed: "changed",
  seen: "marked as seen",
  unseen: "marked as not seen",
  not_found: "not there any more",
  refused: "refused",
  failed: "failed",
} as const satisfies Record<RunOutcome["outcome"], string>;

/** Asks before many runs are cancelled or deleted, and says what came of each. */
export function BulkDialog({
  asked,
  nameOf,
  close,
}: {
  asked: Asked;
  nameOf: (id: string) => string;
  close: () => void;
}) {
  const stop = useRef(new AbortController());
  const [state, setState] = useState<"asking" | "acting" | "done">("asking");
  const [done, setDone] = useState(NOTHING);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const { current } = stop;
    return () => current.abort();
  }, []);

  const act = async () => {
    stop.current = new AbortController();
    setState("acting");
    setError(null);
    const tell = (some: readonly RunOutcome[]) => setDone((before) => withOutcomes(before, some));
    try {
      const { kind, meant, verb } = asked;
      if (kind === "task") await cancelTasks(meant, tell, stop.current.signal);
      else await actOnFlows(verb, meant, tell, stop.current.signal);
    } catch (problem) {
      setError(problem);
    }
    setState("done");
  };
  const title = titleOf(asked, state === "asking");
  return (
    <Modal className="bulk-dialog" title={title} close={close}>
      <h2>{title}</h2>
      {state === "asking" ? <p className="muted">{consequenceOf(asked)}</p> : null}
      {state === "asking" ? null : (
        <Outcome {...{ done, asked, nameOf }} isOver={state === "done"} />
      )}
      {error ? <Trouble error={error} /> : null}
      <div className="bulk-buttons">
        {state === "asking" ? (
          <>
            <button type="button" className="button" onClick={close}>
              {asked.verb === "delete" ? "Keep them" : "Keep them running"}
            </button>
            <button
              type="button"
              className={`button button-main ${asked.verb === "delete" ? "bulk-danger" : ""}`}
              onClick={act}
            >
              {asked.verb === "delete" ? "Delete them" : "Cancel them"}
            </button>
          </>
        ) : null}
        {state === "acting" ? (
          <button type="button" className="button" onClick={() => stop.current.abort()}>
            Stop
          </button>
        ) : null}
        {state === "done" ? (
          <button type="button" className="button button-main" onClick={close}>
            Close
          </button>
        ) : null}
      </div>
    </Modal>
  );
}

/** How many went each way, and why those did not that were refused. */
function Outcome({
  done,
  asked,
  nameOf,
  isOver,
}: {
  done: Summary;
  asked: Asked;
  nameOf: (id: string) => string;
  isOver: boolean;
}) {
  const most = isOver ? 1 : (asked.count ?? undefined);
  return (
    <>
      <progress
        aria-label="Done"
        max={most}
        value={isOver ? 1 : asked.count === null ? undefined : done.count}
      />
      <ul className="bulk-counts" aria-live="polite">
        {[...done.counts].map(([outcome, count]) => (
          <li key={outcome}>
            <strong className="num">{count.toLocaleString("en")}</strong> {WORDS[outcome]}
          </li>
        ))}
        {isOver && done.count === 0 ? <li className="muted">There was nothing to do.</li> : null}
      </ul>
      {done.reasons.length > 0 ? (
        <ul className="bulk-refused" aria-label="Why not">
          {done.reasons.map(({ id, reason }) => (
            <li key={id}>
              <strong>{nameOf(id)}</strong> <span className="muted">{reason}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

function titleOf({ verb, kind, count }: Asked, isQuestion: boolean): string {
  const noun = kind === "task" ? "task run" : "run";
  const word = verb === "delete" ? "Delete" : "Cancel";
  const end = isQuestion ? "?" : "";
  if (count === null) return `${word} all ${noun}s that fit the filter${end}`;
  return `${word} ${count.toLocaleString("en")} ${count === 1 ? noun : `${noun}s`}${end}`;
}

function consequenceOf({ verb, count }: Asked): string {
  const all = count === null ? " Those that begin from now on are left alone." : "";
  if (verb === "delete") {
    const what = "Their task runs, log lines and artifacts go with them, for good.";
    return `${what} Those that still run are refused; results in the storage stay.${all}`;
  }
  return `Their processes are asked to stop. Those that are over are refused.${all}`;
}
