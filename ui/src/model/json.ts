/** JSON that people write and read: where it is wrong, in words; and on one line. */

/** A value, or what is wrong and where: lines and columns count from 1. */
export type Read =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: string; readonly line: number; readonly column: number };

/** Read JSON. Browsers each say in their own way where it is wrong, so that is found out here. */
export function readJson(text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const { at, why } = mistakeIn(text);
    return wrongAt(text, at, why);
  }
  if (!isRounded(value)) return { ok: true, value };
  const why = "Browsers round a number of so many digits: write it as a text.";
  return wrongAt(text, Math.max(0, text.search(/\d{16}/)), why);
}

/** A value on one line, cut where it is longer than `most` characters. */
export function shortJson(value: unknown, most = 120): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** A value as people edit it. */
export function longJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "null";
}

function wrongAt(text: string, at: number, why: string): Read {
  const before = text.slice(0, at).split("\n");
  return { ok: false, why, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function isRounded(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === "object" && value !== null && Object.values(value).some(isRounded);
}

class Mistake extends Error {
  constructor(
    readonly at: number,
    readonly why: string,
  ) {
    super(why);
  }
}

function mistakeIn(text: string): { at: number; why: string } {
  try {
    const end = skip(text, valueEnd(text, skip(text, 0)));
    return { at: end, why: "This follows a value that is whole already." };
  } catch (error) {
    if (error instanceof Mistake) return error;
    throw error;
  }
}

function skip(text: string, at: number): number {
  let end = at;
  while (" \t\r\n".includes(text[end] ?? "x")) end += 1;
  return end;
}

/** Where the value ends that begins at a place. Throws the first mistake in it. */
function valueEnd(text: string, at: number): number {
  const first = text[at];
  if (first === "{") return listEnd(text, at, "}", memberEnd);
  if (first === "[") return listEnd(text, at, "]", valueEnd);
  if (first === '"') return textEnd(text, at);
  const word = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;
  word.lastIndex = at;
  if (word.test(text)) return word.lastIndex;
  throw new Mistake(at, wordMistake(text, at));
}

function wordMistake(text: string, at: number): string {
  const found = /^[^\s,\]}:]+/.exec(text.slice(at, at + 40))?.[0] ?? text[at];
  if (found === undefined) return "A value is missing at the end.";
  if (found === "True" || found === "False" || found === "None") {
    return `JSON says ${{ True: "true", False: "false", None: "null" }[found]}, not ${found}.`;
  }
  if (found.startsWith("'")) return 'Texts stand in double quotes (").';
  if (/^[,\]}:]/.test(found)) return `A value is missing before ${found[0]}.`;
  return `${found} is no value: texts stand in double quotes (").`;
}

function listEnd(
  text: string,
  begin: number,
  close: "]" | "}",
  itemEnd: (text: string, at: number) => number,
): number {
  let at = skip(text, begin + 1);
  if (text[at] === close) return at + 1;
  while (true) {
    at = skip(text, itemEnd(text, at));
    if (text[at] === close) return at + 1;
    if (text[at] !== ",") throw new Mistake(at, `A comma or ${close} is missing here.`);
    const comma = at;
    at = skip(text, at + 1);
    if (text[at] === close) throw new Mistake(comma, `No comma stands before ${close}.`);
  }
}

function memberEnd(text: string, at: number): number {
  if (text[at] !== '"') throw new Mistake(at, 'A name in double quotes (") is missing here.');
  const colon = skip(text, textEnd(text, at));
  if (text[colon] !== ":") throw new Mistake(colon, "A colon is missing behind the name.");
  return valueEnd(text, skip(text, colon + 1));
}

function textEnd(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at += 1) {
    const one = text[at] as string;
    if (one === '"') return at + 1;
    if (one < " ") throw new Mistake(at, 'A text ends on its line: write a new line as "\\n".');
    if (one !== "\\") continue;
    if (!/^(?:["\\/bfnrt]|u[\da-fA-F]{4})/.test(text.slice(at + 1, at + 6))) {
      throw new Mistake(at, 'A backslash is written "\\\\".');
    }
    at += 1;
  }
  throw new Mistake(begin, 'The " that ends this text is missing.');
}
