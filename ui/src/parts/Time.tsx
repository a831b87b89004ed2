import { useNow } from "~/live/useNow";
import { ago, duration, exact, ZONE } from "~/model/times";

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
  const seconds = (Date.parse(end) - Date.parse(start)) / 1000;
  return <span className="num">{duration(seconds)}</span>;
}

function Taking({ since }: { since: string }) {
  const now = useNow();
  return <span className="num">{duration(Math.max(0, now - Date.parse(since)) / 1000)}</span>;
}
