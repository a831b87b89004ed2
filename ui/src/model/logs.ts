/** Log lines: levels in words, searches marked in them, tracebacks found in them. */

export const LEVELS = [
  { level: 0, name: "All levels" },
  { level: 20, name: "Info and above" },
  { level: 30, name: "Warnings and errors" },
  { level: 40, name: "Errors" },
] as const;

/** The name of a level, of Python's `logging`: the next named one below. */
export function levelName(level: number): string {
  if (level >= 50) return "CRITICAL";
  if (level >= 40) return "ERROR";
  if (level >= 30) return "WARNING";
  if (level >= 20) return "INFO";
  return level >= 10 ? "DEBUG" : "NOTSET";
}

/** The words and "phrases" of a search that a line must hold, in lower case. */
export function wordsOf(search: string): readonly string[] {
  const found: string[] = [];
  for (const [, minus, phrase, minusWord, word] of search.matchAll(/(-?)"([^"]*)"|(-?)(\S+)/g)) {
    if (minus || minusWord) continue;
    const text = (phrase ?? word ?? "").toLowerCase();
    if (text) found.push(text);
  }
  return found;
}

export interface Piece {
  readonly from: number;
  readonly text: string;
  readonly hit: boolean;
}

/** A text cut where words of a search begin and end. */
export function piecesOf(text: string, words: readonly string[]): readonly Piece[] {
  const lower = text.toLowerCase();
  // Lower case may be longer than what it is of ("İ"): places in one are then none in the other.
  if (words.length === 0 || lower.length !== text.length) return [{ from: 0, text, hit: false }];
  const pieces: Piece[] = [];
  let at = 0;
  while (at < text.length) {
    const hit = nextHit(lower, words, at);
    if (hit === null) break;
    if (hit.from > at) pieces.push({ from: at, text: text.slice(at, hit.from), hit: false });
    pieces.push({ from: hit.from, text: text.slice(hit.from, hit.to), hit: true });
    at = hit.to;
  }
  if (at < text.length) pieces.push({ from: at, text: text.slice(at), hit: false });
  return pieces;
}

function nextHit(lower: string, words: readonly string[], at: number) {
  let found: { from: number; to: number } | null = null;
  for (const word of words) {
    const from = lower.indexOf(word, at);
    if (from < 0) continue;
    const to = from + word.length;
    if (found === null || from < found.from || (from === found.from && to > found.to)) {
      found = { from, to };
    }
  }
  return found;
}

const TRACEBACK = "Traceback (most recent call last):";

/** The traceback in a message, null where there is none. */
export function tracebackIn(message: string): string | null {
  const at = message.indexOf(TRACEBACK);
  return at < 0 ? null : message.slice(at);
}

/** The error in a line that tells of a failed attempt, without what is to come of it. */
export function attemptErrorIn(message: string): string {
  const first = message.split(`\n${TRACEBACK}`)[0] ?? "";
  const [, error] =
    /failed with exception:? ?([\s\S]*?)(?: - Retr(?:y|ies) [^\n]*)?$/.exec(first) ?? [];
  return error ?? first;
}

/** What a state's message says of an error, without the words before it. */
export function errorIn(message: string | null): string {
  if (!message) return "";
  return message.replace(/^(Task|Flow) run encountered an exception:?\s*/, "");
}
