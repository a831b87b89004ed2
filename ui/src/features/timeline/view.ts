/** Which stretch of time and of rows is in view, and how it moves. Pure: the component keeps it. */

/** Times in seconds since the flow run's start; `top` in pixels from the first row. */
export interface View {
  readonly from: number;
  readonly to: number;
  readonly top: number;
}

const SHORTEST = 1e-5;

/** All of it, with a little room at both ends. */
export function wholeView(from: number, to: number): View {
  const room = Math.max(to - from, SHORTEST) * 0.02;
  return { from: from - room, to: to + room, top: 0 };
}

/** Zoom by a factor (below 1: closer) around a point of time, which stays where it is. */
export function zoom(view: View, factor: number, around: number, whole: View): View {
  const longest = (whole.to - whole.from) * 1.5;
  const span = Math.min(Math.max((view.to - view.from) * factor, SHORTEST), longest);
  const share = (around - view.from) / (view.to - view.from);
  const from = around - share * span;
  return { ...view, from, to: from + span };
}

/** Move by seconds and pixels, never past the ends. */
export function pan(
  view: View,
  seconds: number,
  pixels: number,
  whole: View,
  height: number,
): View {
  const span = view.to - view.from;
  const least = whole.from - span * 0.5;
  const from = Math.min(Math.max(view.from + seconds, least), whole.to - span * 0.5);
  const top = Math.min(Math.max(view.top + pixels, 0), Math.max(0, height));
  return { from, to: from + span, top };
}
