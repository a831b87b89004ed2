/** The theme that the viewer chose, kept in this browser. */

export const THEMES = ["light", "system", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "flowstone-theme";

export function chosenTheme(): Theme {
  const kept = read();
  return THEMES.find((theme) => theme === kept) ?? "system";
}

export function chooseTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be off limits: the choice then holds until the page is left.
  }
  window.dispatchEvent(new Event("flowstone-theme")); // what is drawn on a canvas is drawn anew
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
