import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { dayText } from "~/features/flows/RunsByDay";
import { duration } from "~/model/times";
import type { Day } from "~/model/trend";

const HEIGHT = 168;

/** The median and the 95th percentile of durations as two lines over the days. */
export function TrendChart({
  days,
  point,
}: {
  days: readonly Day[];
  point: (day: number | null) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const themes = useThemeTurns();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a turn of the theme changes colours
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const width = Math.max(1, element.clientWidth);
    const plot = new uPlot(
      { ...optionsOf(element, point), width, height: HEIGHT },
      dataOf(days),
      element,
    );
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: Math.max(1, element.clientWidth), height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [days, point, themes]);
  return (
    <div
      ref={place}
      className="trend"
      role="img"
      aria-label="Median and 95th percentile of durations by day"
    />
  );
}

function dataOf(days: readonly Day[]): uPlot.AlignedData {
  return [days.map(({ at }) => at), days.map(({ p50 }) => p50), days.map(({ p95 }) => p95)];
}

function optionsOf(
  element: HTMLElement,
  point: (day: number | null) => void,
): Omit<uPlot.Options, "width" | "height"> {
  const color = colorsOf(element);
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: color("muted"), font, ticks: { show: false } };
  const line = { stroke: color("accent"), width: 2, points: { show: true, size: 5 } };
  return {
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.12 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, values: (_plot, at) => at.map(dayText) },
      {
        ...axis,
        grid: { stroke: color("line"), width: 1 },
        size: 62,
        values: (_plot, seconds) => seconds.map((one) => (one === 0 ? "0" : duration(one))),
      },
    ],
    series: [{}, line, { ...line, width: 1.5, dash: [4, 3] }],
    bands: [{ series: [2, 1], fill: color("accent-soft") }],
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    hooks: { setCursor: [({ cursor }) => point(cursor.idx ?? null)] },
  };
}

function colorsOf(element: HTMLElement): (name: string) => string {
  return (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}

/** Counts how often the theme was turned. */
function useThemeTurns(): number {
  const [turns, setTurns] = useState(0);
  useEffect(() => {
    const turned = () => setTurns((before) => before + 1);
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener("flowstone-theme", turned);
    system.addEventListener("change", turned);
    return () => {
      window.removeEventListener("flowstone-theme", turned);
      system.removeEventListener("change", turned);
    };
  }, []);
  return turns;
}
