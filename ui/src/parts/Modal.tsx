import { type MouseEvent, type ReactNode, useLayoutEffect, useRef } from "react";
import "./modal.css";

/** A dialog above the page, from when it is there until Escape or what is in it closes it. */
export function Modal({
  title,
  className,
  close,
  children,
  ...more
}: {
  title: string;
  className: string;
  close: () => void;
  onClick?: (event: MouseEvent<HTMLDialogElement>) => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  // `close` comes a moment after Escape: until then it could not be opened again.
  return (
    <dialog
      ref={dialog}
      className={`modal ${className}`}
      aria-label={title}
      onCancel={close}
      onClose={close}
      {...more}
    >
      {children}
    </dialog>
  );
}
