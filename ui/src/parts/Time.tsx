import { useNow } from "~/live/useNow";
import { ago, duration, exact, secondsFrom, ZONE } from "~/model/times";

/** When something was, told from now on; the exact time in the viewer's zone when pointed at. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={`${exact(at)} ${ZONE}`} className="num">
      {ago(at, now)}
    </time>
  );
}

/** How long something took, or has taken by now where it has not ended. */
export function Took({ start, end }: { start: string | null; end: string | null }) {
  if (start === null) return <span className="muted">–</span>;
  if (end === null) return <Taking since={start} />;
  return <span className="num">{duration(secondsFrom(start, end))}</span>;
}

interface Run {
  readonly started: string | null;
  readonly ended: string | null;
  readonly verdict: string | null;
}

/** How long a run took; of one whose process died only as far as it was heard of. */
export function RunTook({ run: { started, ended, verdict } }: { run: Run }) {
  if (verdict !== "died" || !started || !ended) return <Took start={started} end={ended} />;
  const least = duration(secondsFrom(started, ended));
  return (
    <span className="num" title={`Its process died: nothing is known of it after ${least}`}>
      {ended > started ? `> ${least}` : <span className="muted">unknown</span>}
    </span>
  );
}

function Taking({ since }: { since: string }) {
  const now = useNow();
  return <span className="num">{duration(Math.max(0, now - Date.parse(since)) / 1000)}</span>;
}
