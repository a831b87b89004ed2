import type { ReactNode } from "react";
import { Modal } from "~/parts/Modal";
import { Trouble } from "~/parts/Trouble";
import "./ask.css";

interface Act {
  readonly mutate: () => void;
  readonly isPending: boolean;
  readonly error: Error | null;
}

/** A question or a form above the page; it stays open, and says why, while the server refuses. */
export function Ask({
  title,
  verb,
  no = "Cancel",
  isDanger = false,
  isReady = true,
  act,
  close,
  children,
}: {
  title: string;
  verb: string;
  no?: string;
  isDanger?: boolean;
  isReady?: boolean;
  act: Act;
  close: () => void;
  children: ReactNode;
}) {
  return (
    <Modal className="ask" title={title} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !act.isPending) act.mutate();
        }}
      >
        <h2>{title}</h2>
        <div className="ask-body">{children}</div>
        {act.error ? <Trouble error={act.error} /> : null}
        <div className="ask-buttons">
          <button type="button" className="button" onClick={close}>
            {no}
          </button>
          <button
            type="submit"
            className={`button ${isDanger ? "button-danger-main" : "button-main"}`}
            disabled={act.isPending || !isReady}
          >
            {verb}
          </button>
        </div>
      </form>
    </Modal>
  );
}

/** A named place for an input, with what it means and what is wrong with what stands in it. */
export function Field({
  name,
  note,
  wrong,
  children,
}: {
  name: string;
  note?: string;
  wrong?: string | null;
  children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the input is among the children
    <label className="ask-field">
      <span className="ask-name">{name}</span>
      {children}
      {wrong ? (
        <span className="ask-wrong" role="alert">
          {wrong}
        </span>
      ) : note ? (
        <span className="ask-note">{note}</span>
      ) : null}
    </label>
  );
}
