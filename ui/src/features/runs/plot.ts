/** The plot itself: uPlot's axes, cursor and selection around marks of our own. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { RunItem } from "~/api/runs";
import { drawMark, type PlotColors, plotColors } from "~/features/runs/plotMarks";
import { durationTicks, type Point, rangeOf } from "~/model/points";
import { isStateType } from "~/model/states";
import { duration } from "~/model/times";

export type RunPoint = Point<RunItem>;

export interface PlotTold {
  /** The point under the cursor with its place, null where none is near. */
  readonly hover: (point: RunPoint | null, left: number, top: number) => void;
  readonly open: (point: RunPoint) => void;
  /** Milliseconds since 1970. */
  readonly brush: (from: number, to: number) => void;
}

export interface Plot {
  readonly show: (points: readonly RunPoint[], from: number | null, to: number | null) => void;
  readonly end: () => void;
}

const NEAR = 14;
const MARK = 3.6;
const HEIGHT = 176;
const LEAST_SPAN = 20; // seconds: fewer would have the same time on two ticks

/** A plot that fills an element; it follows its width and the theme. */
export function makePlot(element: HTMLElement, told: PlotTold): Plot {
  let points: readonly RunPoint[] = [];
  let bounds: readonly [number | null, number | null] = [null, null];
  let colors = plotColors(element);
  let near: RunPoint | null = null;

  const options: uPlot.Options = {
    width: Math.max(200, element.clientWidth),
    height: HEIGHT,
    padding: [10, 14, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: () => xRange(points, bounds) },
      y: { range: () => rangeOf(points.map(({ y }) => y)) },
    },
    axes: [timeAxis(() => colors), durationAxis(() => colors)],
    series: [{}, { paths: () => null, points: { show: false } }],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    hooks: {
      draw: [(plot) => drawPoints(plot, points, colors, near)],
      setCursor: [
        (plot) => {
          const found = nearest(plot, points);
          if (found?.run.id === near?.run.id) return;
          near = found;
          told.hover(
            found,
            found ? plot.valToPos(found.x, "x") + plot.bbox.left / uPlot.pxRatio : 0,
            found ? plot.valToPos(found.y, "y") + plot.bbox.top / uPlot.pxRatio : 0,
          );
          plot.redraw(false);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          told.brush(from * 1000, to * 1000);
        },
      ],
    },
  };
  const plot = new uPlot(options, [[], []], element);
  plot.over.addEventListener("click", () => {
    if (near) told.open(near);
  });
  plot.over.addEventListener("mouseleave", () => {
    near = null;
    told.hover(null, 0, 0);
    plot.redraw(false);
  });
  const size = new ResizeObserver(() => {
    plot.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT });
  });
  const recolor = () => {
    colors = plotColors(element);
    plot.redraw(false, true);
  };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  size.observe(element);
  window.addEventListener("flowstone-theme", recolor);
  dark.addEventListener("change", recolor);
  return {
    show: (next, from, to) => {
      points = next;
      bounds = [from, to];
      plot.setData([next.map(({ x }) => x), next.map(({ y }) => y)]);
    },
    end: () => {
      size.disconnect();
      window.removeEventListener("flowstone-theme", recolor);
      dark.removeEventListener("change", recolor);
      plot.destroy();
    },
  };
}

function xRange(
  points: readonly RunPoint[],
  [from, to]: readonly [number | null, number | null],
): [number, number] {
  const least = from ?? points[0]?.x ?? Date.now() / 1000 - 3_600;
  const most = to ?? points.at(-1)?.x ?? Date.now() / 1000;
  const room = Math.max(LEAST_SPAN - (most - least), (most - least) * 0.04) / 2;
  return [from === null ? least - room : least, to === null ? most + room : most];
}

function nearest(plot: uPlot, points: readonly RunPoint[]): RunPoint | null {
  const { left = -1, top = -1 } = plot.cursor;
  if (left < 0) return null;
  let found: RunPoint | null = null;
  let least = NEAR ** 2;
  for (const point of points) {
    const across = plot.valToPos(point.x, "x") - left;
    if (Math.abs(across) > NEAR) continue;
    const far = across ** 2 + (plot.valToPos(point.y, "y") - top) ** 2;
    if (far < least) [found, least] = [point, far];
  }
  return found;
}

function drawPoints(
  plot: uPlot,
  points: readonly RunPoint[],
  colors: PlotColors,
  near: RunPoint | null,
): void {
  const { ctx } = plot;
  const scale = uPlot.pxRatio;
  const size = MARK * scale;
  ctx.save();
  ctx.lineWidth = 1.7 * scale;
  ctx.lineCap = "round";
  ctx.globalAlpha = points.length > 400 ? 0.7 : 0.9;
  for (const { run, x, y } of points) {
    const type = isStateType(run.state.type) ? run.state.type : "PENDING";
    const [left, top] = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
    drawMark(ctx, type, left, top, size, colors);
  }
  if (near) {
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colors.muted;
    ctx.beginPath();
    const [left, top] = [plot.valToPos(near.x, "x", true), plot.valToPos(near.y, "y", true)];
    ctx.arc(left, top, 2.1 * size, 0, 2 * Math.PI);
    ctx.stroke();
  }
  ctx.restore();
}

const CLOCK = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function timeAxis(colors: () => PlotColors): uPlot.Axis {
  return {
    ...looks(colors),
    size: 28,
    grid: { show: false },
    space: 78,
    values: (_, splits, __, ___, step) => splits.map((at) => timeText(new Date(at * 1000), step)),
  };
}

function timeText(at: Date, step: number): string {
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
  if (step >= 86_400 || isMidnight) return DAY.format(at);
  return step < 60 ? SECONDS.format(at) : CLOCK.format(at);
}

function durationAxis(colors: () => PlotColors): uPlot.Axis {
  return {
    ...looks(colors),
    size: 58,
    grid: { stroke: () => colors().line, width: 1 },
    splits: (_, __, least, most) => durationTicks(least, most),
    values: (_, splits) => splits.map((one) => tickText(10 ** one)),
  };
}

/** "1 m", "6 h": the round durations without the second figure that others have. */
function tickText(seconds: number): string {
  const whole = Math.round(seconds * 1000) / 1000;
  return duration(whole)
    .replace(/\.0 s$/, " s")
    .replace(/ 0+ [hms]$/, "");
}

function looks(colors: () => PlotColors): uPlot.Axis {
  return {
    stroke: () => colors().muted,
    font: `450 11px ${colors().font}`,
    ticks: { show: false },
  };
}
