import { useEffect, useRef, useState } from "react";

const PAUSE_MS = 220;

/** A field that tells what it holds when the typing pauses; it follows a value from elsewhere. */
export function SearchField({
  value,
  change,
  name,
  className = "",
}: {
  value: string;
  change: (value: string) => void;
  name: string;
  className?: string;
}) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const latest = useRef(change);
  latest.current = change;
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === told.current) return;
    const page = window.location.pathname;
    const timer = window.setTimeout(() => {
      // A link may have been followed meanwhile, whose page is still being loaded.
      if (window.location.pathname !== page) return;
      told.current = text;
      latest.current(text);
    }, PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return (
    <input
      className={`field ${className}`}
      type="search"
      placeholder={name}
      aria-label={name}
      value={text}
      onChange={({ target }) => setText(target.value)}
    />
  );
}
