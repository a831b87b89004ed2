/**
 * Server-sent events: what changed, gathered to one call a frame. When a stream begins the listener
 * is told to look again; where none can be had, every few seconds.
 */

/** The ids of flow runs that changed, whose task runs did, that logged; and what else changed. */
export interface Changes {
  readonly flow_runs: readonly string[];
  readonly task_runs: readonly string[];
  readonly lines: readonly string[];
  readonly limits: boolean;
  readonly artifacts: boolean;
}

type Listener = (changes: Changes | "look-again") => void;

const POLL_MS = 3_000;
const HIDDEN_MS = 1_000; // hidden pages get no frames, but their title and icon go on
const GIVE_UP_AFTER = 3;

/** The event of the window that a stream broke: the server may be gone. */
export const BROKEN = "flowstone-stream-broken";

/** Listen to topics (`runs`, `run:<id>`, `lines:<id>`, `limits`); returns what ends it. */
export function listen(topics: readonly string[], tell: Listener): () => void {
  let source: EventSource | null = null;
  let poll = 0;
  let again = 0;
  let frame = 0;
  let later = 0;
  let failures = 0;
  let waiting: Changes | null = null;

  const flush = () => {
    frame = 0;
    later = 0;
    const changes = waiting;
    waiting = null;
    if (changes) tell(changes);
  };
  const take = (changes: Changes) => {
    waiting = waiting ? joined(waiting, changes) : changes;
    if (frame !== 0 || later !== 0) return;
    if (document.hidden) later = window.setTimeout(flush, HIDDEN_MS);
    else frame = requestAnimationFrame(flush);
  };
  const open = () => {
    source = new EventSource(`/api/live?topics=${topics.map(encodeURIComponent).join(",")}`);
    source.addEventListener("hello", () => {
      tell("look-again"); // what happened since things were read, and before, is not told
      failures = 0;
      window.clearInterval(poll);
      poll = 0;
    });
    source.addEventListener("changes", (event) => take(JSON.parse(event.data) as Changes));
    source.addEventListener("resync", () => tell("look-again"));
    source.onerror = () => {
      failures += 1;
      window.dispatchEvent(new Event(BROKEN));
      if (failures >= GIVE_UP_AFTER && poll === 0) {
        poll = window.setInterval(() => tell("look-again"), POLL_MS);
      }
      if (source?.readyState === EventSource.CLOSED) again = window.setTimeout(open, POLL_MS);
    };
  };
  const shown = () => {
    if (document.hidden) return;
    cancelAnimationFrame(frame);
    window.clearTimeout(later);
    flush();
  };

  open();
  document.addEventListener("visibilitychange", shown);
  return () => {
    source?.close();
    window.clearInterval(poll);
    window.clearTimeout(again);
    window.clearTimeout(later);
    cancelAnimationFrame(frame);
    document.removeEventListener("visibilitychange", shown);
  };
}

/** Two batches as one. */
export function joined(one: Changes, other: Changes): Changes {
  return {
    flow_runs: union(one.flow_runs, other.flow_runs),
    task_runs: union(one.task_runs, other.task_runs),
    lines: union(one.lines, other.lines),
    limits: one.limits || other.limits,
    artifacts: one.artifacts || other.artifacts,
  };
}

function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return one.length === 0 ? other : [...new Set([...one, ...other])];
}
