/** Times and durations in words. Times come as RFC 3339 texts, durations as seconds. */

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
] as const;

/** "85 µs", "3.2 s", "1 m 05 s", "2 h 11 m": two figures at most, never more than people read. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds < 0.000_999_5) return `${Math.round(seconds * 1_000_000)} µs`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || parts.length > 0) parts.push(`${count} ${unit}`);
  }
  parts.push(`${String(rest).padStart(2, "0")} s`);
  return parts.slice(0, 2).join(" ");
}

/** "just now", "42 s ago", "3 h ago", "in 5 m". */
export function ago(at: string | number | Date, now: number): string {
  const seconds = (now - new Date(at).getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < 3) return "just now";
  const text = coarse(size);
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** How many seconds passed from one time to another, to the microsecond that they tell. */
export function secondsFrom(start: string, end: string): number {
  return (Date.parse(end) - Date.parse(start)) / 1000 + (below(end) - below(start)) / 1_000_000;
}

/** The microseconds of a time that a browser's dates leave out. */
function below(time: string): number {
  const [, digits = ""] = /\.\d{3}(\d{1,3})/.exec(time) ?? [];
  return Number(digits.padEnd(3, "0"));
}

function coarse(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const EXACT = new Intl.DateTimeFormat("sv-SE", {
  dateStyle: "short",
  timeStyle: "medium",
});
const CLOCK = new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium" });

/** "2026-11-23 14:03:07.123" in the viewer's zone. */
export function exact(at: string | number | Date): string {
  const date = new Date(at);
  return `${EXACT.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** "14:03:07.123" in the viewer's zone. */
export function clock(at: string | number | Date): string {
  const date = new Date(at);
  return `${CLOCK.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** The viewer's zone, as a name: "Europe/Berlin". */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
