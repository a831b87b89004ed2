import { type ReactNode, useEffect, useRef } from "react";
import { Trouble } from "~/parts/Trouble";

interface Act {
  readonly mutate: () => void;
  readonly isPending: boolean;
  readonly error: Error | null;
}

/** Asks before something is done; shows what the server says where it refuses. */
export function Confirm({
  title,
  verb,
  no,
  act,
  close,
  children,
}: {
  title: string;
  verb: string;
  no: string;
  act: Act;
  close: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="confirm" aria-label={title} onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate();
        }}
      >
        <h2>{title}</h2>
        <div className="confirm-body">{children}</div>
        {act.error ? <Trouble error={act.error} /> : null}
        <div className="confirm-buttons">
          <button type="button" className="button" onClick={close}>
            {no}
          </button>
          <button type="submit" className="button button-main" disabled={act.isPending}>
            {verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}
