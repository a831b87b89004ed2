/** The ruler of a timeline. */

import { duration } from "~/model/times";

/** Round times: about `count` of them, in steps that people count in. */
export function ticks(from: number, to: number, count: number): { at: number[]; step: number } {
  const rough = (to - from) / Math.max(1, count);
  const step = STEPS.find((one) => one >= rough) ?? Math.ceil(rough / 86_400) * 86_400;
  const at: number[] = [];
  for (let index = Math.ceil(from / step); index * step <= to; index += 1) at.push(index * step);
  return { at, step };
}

const STEPS = [
  ...[-6, -5, -4, -3, -2, -1, 0].flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power)),
  10,
  15,
  30,
  60,
  120,
  300,
  600,
  900,
  1_800,
  3_600,
  7_200,
  10_800,
  21_600,
  43_200,
  86_400,
];

/** A time as exact as steps of that size need it. */
export function tickText(time: number, step: number): string {
  if (Math.abs(time) < step / 2) return "0";
  if (step >= 1) return duration(time);
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  return Math.abs(time) < 1 && step < 0.1
    ? `${(time * 1000).toFixed(Math.max(0, digits - 3))} ms`
    : `${time.toFixed(digits)} s`;
}
