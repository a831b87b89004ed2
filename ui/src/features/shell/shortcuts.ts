import { useNavigate } from "@tanstack/react-router";
import { useLayoutEffect } from "react";

const CHORD_MS = 1_200;

/** `/` and Ctrl-K open the search box; `g` and a letter go to a page. */
export function useShortcuts(
  places: readonly { to: string; key: string }[],
  search: () => void,
): void {
  const navigate = useNavigate();
  // Before the page is seen: from then on keys are pressed.
  useLayoutEffect(() => {
    let chordUntil = 0;
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        search();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "/") {
        event.preventDefault();
        search();
      } else if (event.key === "g") {
        chordUntil = event.timeStamp + CHORD_MS;
      } else if (event.timeStamp < chordUntil) {
        chordUntil = 0;
        const place = places.find(({ key }) => key === event.key);
        if (place) navigate({ to: place.to });
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [places, search, navigate]);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}
