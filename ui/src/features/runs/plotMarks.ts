/** The marks of a plot: a shape of its own for each kind of state, so that colour is not all. */

import { LOOKS, STATE_TYPES, type StateType } from "~/model/states";

export interface PlotColors {
  readonly states: Record<StateType, string>;
  readonly muted: string;
  readonly line: string;
  readonly surface: string;
  readonly font: string;
}

/** The theme's colours at an element, as a canvas takes them. */
export function plotColors(element: HTMLElement): PlotColors {
  const probe = document.createElement("span");
  element.append(probe);
  const color = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const states = STATE_TYPES.map((type) => [type, color(LOOKS[type].tone)]);
  const found = {
    states: Object.fromEntries(states) as Record<StateType, string>,
    muted: color("muted"),
    line: color("line"),
    surface: color("surface"),
    font: getComputedStyle(element).fontFamily,
  };
  probe.remove();
  return found;
}

/** Draw the mark of a state around a place; `size` is its radius. */
export function drawMark(
  canvas: CanvasRenderingContext2D,
  type: StateType,
  x: number,
  y: number,
  size: number,
  colors: PlotColors,
): void {
  canvas.strokeStyle = colors.states[type];
  canvas.fillStyle = colors.states[type];
  canvas.beginPath();
  if (type === "FAILED") {
    canvas.moveTo(x - size, y - size);
    canvas.lineTo(x + size, y + size);
    canvas.moveTo(x + size, y - size);
    canvas.lineTo(x - size, y + size);
    canvas.stroke();
  } else if (type === "CRASHED") {
    canvas.moveTo(x, y - 1.3 * size);
    canvas.lineTo(x + 1.2 * size, y + 0.9 * size);
    canvas.lineTo(x - 1.2 * size, y + 0.9 * size);
    canvas.closePath();
    canvas.fill();
  } else if (type === "CANCELLED" || type === "CANCELLING") {
    canvas.moveTo(x - size, y);
    canvas.lineTo(x + size, y);
    canvas.stroke();
  } else if (type === "COMPLETED") {
    canvas.arc(x, y, 0.85 * size, 0, 2 * Math.PI);
    canvas.fill();
  } else {
    canvas.arc(x, y, size, 0, 2 * Math.PI);
    canvas.stroke();
  }
}
