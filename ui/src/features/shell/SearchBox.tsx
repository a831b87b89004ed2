import { useEffect, useRef } from "react";

/** The box that finds runs, flows, tasks and ids. */
export function SearchBox({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="search" aria-label="Search" onClose={close}>
      <input className="search-field" placeholder="Runs, flows, tasks, ids" aria-label="Search" />
    </dialog>
  );
}
