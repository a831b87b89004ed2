import { X } from "lucide-react";
import { useId, useState } from "react";

/** Some texts, each of which can be taken away, and a field for more; `offered` completes it. */
export function TokenField({
  name,
  hint,
  values,
  change,
  offered = [],
  typed,
}: {
  name: string;
  hint: string;
  values: readonly string[] | undefined;
  change: (values: readonly string[] | undefined) => void;
  offered?: readonly string[];
  typed?: (text: string) => void;
}) {
  const list = useId();
  const [text, setText] = useState("");
  const all = values ?? [];
  const set = (next: readonly string[]) => change(next.length > 0 ? next : undefined);
  const add = (word: string) => {
    const one = word.trim();
    if (one && !all.includes(one)) set([...all, one]);
    setText("");
    typed?.("");
  };
  const write = (word: string) => {
    setText(word);
    typed?.(word);
    if (offered.includes(word)) add(word); // taken from the list
  };
  return (
    <label className="token-field">
      <span className="token-name">{name}</span>
      <span className="token-box">
        {all.map((one) => (
          <span key={one} className="token">
            <span>{one}</span>
            <button
              type="button"
              aria-label={`Not ${one}`}
              onClick={() => set(all.filter((other) => other !== one))}
            >
              <X size={11} aria-hidden="true" />
            </button>
          </span>
        ))}
        <input
          value={text}
          list={list}
          placeholder={all.length > 0 ? "" : hint}
          onChange={({ target }) => write(target.value)}
          onBlur={() => add(text)}
          onKeyDown={(event) => {
            if (event.key === "Enter" || (event.key === "," && text)) {
              event.preventDefault();
              add(text);
            } else if (event.key === "Backspace" && text === "" && all.length > 0) {
              set(all.slice(0, -1));
            }
          }}
        />
      </span>
      <datalist id={list}>
        {offered
          .filter((one) => !all.includes(one))
          .map((one) => (
            <option key={one} value={one} />
          ))}
      </datalist>
    </label>
  );
}
