import { useEffect } from "react";
import { isStateType, LOOKS } from "~/model/states";

/** The browser's tab says what is shown and in which state it is. */
export function useTabLook(title: string, type: string | undefined): void {
  useEffect(() => {
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    const before = icon?.href;
    document.title = `${title} · Flowstone`;
    if (icon && type && isStateType(type)) icon.href = iconOf(LOOKS[type].tone);
    return () => {
      document.title = "Flowstone";
      if (icon && before) icon.href = before;
    };
  }, [title, type]);
}

const MARKS: Readonly<Record<string, string>> = {
  completed: "M9 16.5l5 5 9-11",
  failed: "M10 10l12 12m0-12L10 22",
  crashed: "M16 8v10M16 23.5v.5",
  running: "M12 9l11 7-11 7z",
  cancelled: "M9 23L23 9",
};

function iconOf(tone: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${tone})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  const shape = `<path d="${MARKS[tone] ?? "M9 16h14"}" fill="none" stroke="#fff" stroke-width="4"/>`;
  const disc = `<circle cx="16" cy="16" r="16" fill="${color}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${disc}${shape}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
