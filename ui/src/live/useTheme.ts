import { useSyncExternalStore } from "react";
import { chosenTheme, type Theme } from "~/model/theme";

/** The theme that the viewer chose, wherever on the page that was. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, chosenTheme);
}

function subscribe(told: () => void): () => void {
  window.addEventListener("flowstone-theme", told);
  return () => window.removeEventListener("flowstone-theme", told);
}
