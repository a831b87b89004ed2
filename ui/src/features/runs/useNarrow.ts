import { useSyncExternalStore } from "react";

const NARROW = "(max-width: 760px)";

/** Whether the window is as narrow as the styles mean by it. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(NARROW).matches);
}

function subscribe(tell: () => void): () => void {
  const query = window.matchMedia(NARROW);
  query.addEventListener("change", tell);
  return () => query.removeEventListener("change", tell);
}
