import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { setVariable, type Variable } from "~/api/variables";
import { longJson, readJson } from "~/model/json";
import { Ask, Field } from "~/parts/Ask";

const MOST_VALUE = 5_000; // as the server allows

/** Adds a variable, or changes one. */
export function VariableForm({ variable, close }: { variable?: Variable; close: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState(variable?.name ?? "");
  const [text, setText] = useState(variable ? longJson(variable.value) : "");
  const [tags, setTags] = useState(variable?.tags.join(", ") ?? "");
  const read = readJson(text);
  const size = read.ok ? JSON.stringify(read.value).length : 0;
  const wrongName = /^[a-z0-9_-]{1,255}$/.test(name)
    ? null
    : "Lower-case letters, digits, dashes and underscores.";
  const act = useMutation({
    mutationFn: () => {
      if (!read.ok) throw new Error(read.why);
      const listed = tags.split(",").map((tag) => tag.trim());
      return setVariable(name, read.value, [...new Set(listed.filter(Boolean))], !variable);
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["variables"] });
      close();
    },
  });
  return (
    <Ask
      title={variable ? variable.name : "New variable"}
      verb="Save"
      isReady={read.ok && wrongName === null && size <= MOST_VALUE}
      act={act}
      close={close}
    >
      {variable ? null : (
        <Field
          name="Name"
          note="Lower-case letters, digits, dashes and underscores."
          wrong={name ? wrongName : null}
        >
          <input
            className="field"
            value={name}
            placeholder="batch_size"
            onChange={({ target }) => setName(target.value)}
          />
        </Field>
      )}
      <Value text={text} change={setText} />
      {size > MOST_VALUE ? (
        <p className="ask-wrong" role="alert">
          {size.toLocaleString("en")} characters; {MOST_VALUE.toLocaleString("en")} are the most.
          Keep what is large in a file or an artifact, and its place here.
        </p>
      ) : null}
      <Field name="Tags" note="By commas.">
        <input className="field" value={tags} onChange={({ target }) => setTags(target.value)} />
      </Field>
    </Ask>
  );
}

/** The value as JSON; where it is wrong, that is said, and the way to the place. */
function Value({ text, change }: { text: string; change: (text: string) => void }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const read = readJson(text);
  const isWrong = !read.ok && text.trim() !== "";
  const go = () => {
    if (read.ok || !area.current) return;
    const lines = text.split("\n").slice(0, read.line - 1);
    const at = lines.reduce((sum, line) => sum + line.length + 1, 0) + read.column - 1;
    area.current.focus();
    area.current.setSelectionRange(at, at + 1);
  };
  return (
    <div className="ask-field">
      <label htmlFor="variable-value" className="ask-name">
        Value, as JSON
      </label>
      <textarea
        id="variable-value"
        ref={area}
        className={`field variable-value ${isWrong ? "variable-wrong" : ""}`}
        spellCheck={false}
        rows={Math.min(16, Math.max(5, text.split("\n").length + 1))}
        value={text}
        placeholder={'500   "text"   ["a", "b"]   {"key": 1}'}
        aria-invalid={isWrong}
        aria-describedby="variable-trouble"
        onChange={({ target }) => change(target.value)}
      />
      <div id="variable-trouble" aria-live="polite" className="variable-trouble">
        {isWrong && !read.ok ? (
          <>
            <button type="button" className="variable-go" onClick={go}>
              Line {read.line}, column {read.column}
            </button>
            <span className="ask-wrong">{read.why}</span>
            <button
              type="button"
              className="button button-small"
              onClick={() => change(JSON.stringify(text))}
            >
              Take it as a text
            </button>
          </>
        ) : null}
      </div>
    </div>
  );
}
