import { Check, Copy } from "lucide-react";
import { useState } from "react";

/** Puts a text on the clipboard, and says that it did. */
export function CopyButton({ text, name, bare }: { text: string; name: string; bare?: boolean }) {
  const [state, setState] = useState<"" | "Copied" | "Not allowed">("");
  const copy = () => {
    // Browsers give the clipboard to pages of https and of this machine only.
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(
      () => setState("Copied"),
      () => setState("Not allowed"),
    );
    window.setTimeout(() => setState(""), 1_600);
  };
  const Icon = state === "Copied" ? Check : Copy;
  return (
    <button
      type="button"
      className="button button-small"
      title={`${name}: ${text}`}
      aria-label={name}
      onClick={copy}
    >
      <Icon size={13} aria-hidden="true" />
      {bare ? null : name}
      <span aria-live="polite" className={state && !bare ? "" : "hidden-text"}>
        {state}
      </span>
    </button>
  );
}
