import { useMemo } from "react";
import { type Frame, tracebackParts } from "~/model/traceback";
import "./traceback.css";

/** A traceback, folded away unless `isOpen`; frames of libraries are folded in it. */
export function Traceback({ text, of, isOpen }: { text: string; of: string; isOpen?: boolean }) {
  return (
    <details className="traceback" open={isOpen}>
      <summary>Traceback of {of}</summary>
      <TracebackText text={text} />
    </details>
  );
}

export function TracebackText({ text }: { text: string }) {
  const parts = useMemo(() => tracebackParts(text), [text]);
  return (
    // Long lines scroll by keyboard too.
    <div className="frames mono" tabIndex={0} role="group" aria-label="Traceback">
      {parts.map((part, place) => {
        const key = `${place} ${part.kind}`;
        if (part.kind === "own") return <Own key={key} frame={part.frame} />;
        if (part.kind === "library") return <Library key={key} frames={part.frames} />;
        const isLast = place === parts.length - 1;
        return (
          <pre key={key} className={isLast ? "frames-error" : "frames-words"}>
            {part.text}
          </pre>
        );
      })}
    </div>
  );
}

function Own({ frame }: { frame: Frame }) {
  return (
    <div className="frame">
      <Place frame={frame} />
      {frame.code ? <pre>{frame.code}</pre> : null}
    </div>
  );
}

function Library({ frames }: { frames: readonly Frame[] }) {
  const last = frames.at(-1) as Frame;
  const count = frames.length === 1 ? "1 library frame" : `${frames.length} library frames`;
  return (
    <details className="frames-library">
      <summary>
        {count} <span>… {shortOf(last.file)}</span>
      </summary>
      {frames.map((frame, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a recursion is the same frame many times
        <Own key={place} frame={frame} />
      ))}
    </details>
  );
}

function Place({ frame }: { frame: Frame }) {
  return (
    <div className="frame-place" title={frame.file}>
      <strong>
        {shortOf(frame.file)}:{frame.line}
      </strong>
      {frame.name ? ` in ${frame.name}` : ""}
    </div>
  );
}

/** The end of a path: as much as tells files apart. */
function shortOf(file: string): string {
  const parts = file.split(/[\\/]/);
  const packages = parts.findLastIndex((part) => /^(site|dist)-packages$/.test(part));
  return packages < 0 ? parts.slice(-2).join("/") : parts.slice(packages + 1).join("/");
}
