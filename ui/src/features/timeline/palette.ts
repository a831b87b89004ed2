/** The theme's colours as a canvas takes them. */

import type { BarClass } from "~/model/timeline";

export interface Palette {
  readonly bars: Record<BarClass, string>;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly surface: string;
  readonly band: string;
  readonly accent: string;
  readonly failed: string;
  /** Of an attempt after which another one followed. */
  readonly again: string;
  readonly focus: string;
  readonly font: string;
}

/** Read the colours that hold at an element now; the theme may change them. */
export function paletteOf(element: HTMLElement): Palette {
  const probe = document.createElement("span");
  element.append(probe);
  const color = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const palette: Palette = {
    bars: {
      fine: color("completed"),
      active: color("running"),
      bad: color("failed"),
      other: color("cancelled"),
    },
    text: color("text"),
    muted: color("muted"),
    line: color("line"),
    surface: color("surface"),
    band: color("sunken"),
    accent: color("accent"),
    failed: color("failed-text"),
    again: color("again"),
    focus: color("accent-soft"),
    font: getComputedStyle(element).fontFamily,
  };
  probe.remove();
  return palette;
}
