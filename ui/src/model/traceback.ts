/** A traceback in parts: the user's frames to read, library frames to fold, the words between. */

export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  /** The source line and the marks below it, without the indent; empty where it is not known. */
  readonly code: string;
}

export type TracebackPart =
  | { readonly kind: "words"; readonly text: string }
  | { readonly kind: "own"; readonly frame: Frame }
  | { readonly kind: "library"; readonly frames: readonly Frame[] };

const FRAME = /^(?:[ |+-]*)File "(.+)", line (\d+)(?:, in (.+))?$/;
const LIBRARY = /[\\/](?:site|dist)-packages[\\/]|[\\/]lib[\\/]python\d|^</;

/** Library frames that follow each other are one part; so are words. */
export function tracebackParts(text: string): readonly TracebackPart[] {
  const parts: TracebackPart[] = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    const found = FRAME.exec(line);
    if (!found) {
      addWords(parts, line);
      continue;
    }
    const indent = line.length - line.trimStart().length;
    const code: string[] = [];
    while (isCode(lines[at + 1], indent)) {
      code.push(lines[at + 1] as string);
      at += 1;
    }
    const [, file = "", number = "0", name = ""] = found;
    addFrame(parts, { file, line: Number(number), name, code: undented(code) });
  }
  return parts;
}

/** Whether a file belongs to Python or to an installed package. */
export function isLibrary(file: string): boolean {
  return LIBRARY.test(file);
}

/** What is said last: the error itself. */
export function lastWords(parts: readonly TracebackPart[]): string {
  const last = parts.at(-1);
  return last?.kind === "words" ? last.text.trim() : "";
}

function isCode(line: string | undefined, indent: number): boolean {
  if (line === undefined || FRAME.test(line)) return false;
  return line.trim() !== "" && line.length - line.trimStart().length > indent;
}

function undented(code: readonly string[]): string {
  const least = Math.min(...code.map((line) => line.length - line.trimStart().length));
  return code.map((line) => line.slice(least)).join("\n");
}

function addWords(parts: TracebackPart[], text: string): void {
  const last = parts.at(-1);
  if (last?.kind === "words") {
    parts[parts.length - 1] = { kind: "words", text: `${last.text}\n${text}` };
  } else if (text.trim() !== "") parts.push({ kind: "words", text });
}

function addFrame(parts: TracebackPart[], frame: Frame): void {
  const last = parts.at(-1);
  if (!isLibrary(frame.file)) parts.push({ kind: "own", frame });
  else if (last?.kind === "library") {
    parts[parts.length - 1] = { kind: "library", frames: [...last.frames, frame] };
  } else parts.push({ kind: "library", frames: [frame] });
}
