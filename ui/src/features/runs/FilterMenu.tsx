import { ChevronDown, X } from "lucide-react";
import { type ReactNode, useId, useRef, useState } from "react";

const GAP = 6;
const EDGE = 8;

/** A button that says what it filters by, and the fields that change it in a popover below. */
export function FilterMenu({
  name,
  value,
  clear,
  children,
}: {
  name: string;
  value: string | null;
  clear: () => void;
  children: ReactNode;
}) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const [isOpen, setOpen] = useState(false);
  return (
    <div className={`filter ${value === null ? "" : "filter-on"}`}>
      <button ref={button} type="button" className="filter-button" popoverTarget={id}>
        <span className="filter-name">{name}</span>
        {value === null ? null : <span className="filter-value">{value}</span>}
        <ChevronDown size={13} aria-hidden="true" />
      </button>
      {value === null ? null : (
        <button
          type="button"
          className="filter-clear"
          aria-label={`Any ${name.toLowerCase()}`}
          onClick={clear}
        >
          <X size={13} aria-hidden="true" />
        </button>
      )}
      <div
        id={id}
        popover="auto"
        className="popover"
        role="group"
        aria-label={name}
        onBeforeToggle={({ currentTarget, newState }) => {
          setOpen(newState === "open");
          if (newState === "open" && button.current) placeBelow(currentTarget, button.current);
        }}
      >
        {isOpen ? children : null}
      </div>
    </div>
  );
}

/** Put a popover below what opened it, within the window. */
export function placeBelow(popover: HTMLElement, opener: HTMLElement, width = 300): void {
  const { left, bottom } = opener.getBoundingClientRect();
  const most = window.innerWidth - Math.min(width, window.innerWidth - 2 * EDGE) - EDGE;
  popover.style.left = `${Math.max(EDGE, Math.min(left, most))}px`;
  popover.style.top = `${bottom + GAP}px`;
  popover.style.maxHeight = `${Math.max(160, window.innerHeight - bottom - GAP - EDGE)}px`;
}
