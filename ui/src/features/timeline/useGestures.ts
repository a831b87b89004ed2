import { type RefObject, useEffect, useRef } from "react";

interface Gestures {
  /** Whether there are rows out of view: a wheel then moves them, and zooms with Ctrl. */
  readonly scrolls: boolean;
  readonly zoom: (factor: number, x: number) => void;
  readonly pan: (dx: number, dy: number) => void;
  readonly point: (x: number, y: number) => void;
  readonly leave: () => void;
  readonly press: (x: number, y: number) => void;
  readonly fit: () => void;
  /** To the next row with a name, or the one before. */
  readonly step: (by: 1 | -1) => void;
  /** Do with that row what a press on its name does. */
  readonly act: () => void;
  /** The keys are elsewhere. */
  readonly blur: () => void;
  /** The height of the ruler: what is dragged there is a stretch of time. */
  readonly rulerBelow: number;
  /** A stretch is being dragged, in pixels; none any more where the end is null. */
  readonly brush: (from: number, to: number | null) => void;
  /** A stretch was dragged. */
  readonly pick: (from: number, to: number) => void;
}

const SLOP = 4; // pixels that a press may move
const STEP = 60;
const PAGE = 300;

const KEYS: Readonly<Record<string, (to: Gestures, middle: number) => void>> = {
  "+": (to, middle) => to.zoom(0.7, middle),
  "=": (to, middle) => to.zoom(0.7, middle),
  "-": (to, middle) => to.zoom(1.4, middle),
  "0": (to) => to.fit(),
  ArrowLeft: (to) => to.pan(-STEP, 0),
  ArrowRight: (to) => to.pan(STEP, 0),
  ArrowUp: (to) => to.step(-1),
  ArrowDown: (to) => to.step(1),
  PageUp: (to) => to.pan(0, -PAGE),
  PageDown: (to) => to.pan(0, PAGE),
  Enter: (to) => to.act(),
  " ": (to) => to.act(),
};

/** Wheel, pinch, drag, keys and presses on a canvas, as zooming, moving and pointing. */
export function useGestures(canvas: RefObject<HTMLCanvasElement | null>, gestures: Gestures): void {
  const latest = useRef(gestures);
  latest.current = gestures;
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    let held: { x: number; y: number; moved: boolean } | null = null;
    let brushed: number | null = null;
    const fingers = new Map<number, PointerEvent>();

    const wheel = (event: WheelEvent) => {
      const to = latest.current;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey || (!to.scrolls && Math.abs(event.deltaX) < 1)) {
        to.zoom(Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX);
      } else {
        to.pan(event.deltaX, event.shiftKey ? 0 : event.deltaY);
      }
    };
    const down = (event: PointerEvent) => {
      fingers.set(event.pointerId, event);
      if (fingers.size > 1) {
        held = null; // two fingers zoom, and press nothing
        brushed = null;
        latest.current.brush(0, null);
        return;
      }
      if (event.offsetY < latest.current.rulerBelow) brushed = event.offsetX;
      else held = { x: event.offsetX, y: event.offsetY, moved: false };
      element.setPointerCapture(event.pointerId);
    };
    const move = (event: PointerEvent) => {
      if (fingers.size > 1) {
        pinch(fingers, event, latest.current);
        return;
      }
      if (brushed !== null) {
        latest.current.brush(brushed, event.offsetX);
        return;
      }
      if (held === null) {
        latest.current.point(event.offsetX, event.offsetY);
        return;
      }
      const dx = held.x - event.offsetX;
      const dy = held.y - event.offsetY;
      if (!held.moved && Math.hypot(dx, dy) < SLOP) return;
      latest.current.pan(dx, dy);
      held = { x: event.offsetX, y: event.offsetY, moved: true };
    };
    const up = (event: PointerEvent) => {
      fingers.delete(event.pointerId);
      if (brushed !== null) {
        if (Math.abs(event.offsetX - brushed) > SLOP) latest.current.pick(brushed, event.offsetX);
        else latest.current.brush(brushed, null);
        brushed = null;
        return;
      }
      if (held && !held.moved) latest.current.press(event.offsetX, event.offsetY);
      held = null;
    };
    const key = (event: KeyboardEvent) => {
      const act = event.ctrlKey || event.metaKey ? undefined : KEYS[event.key];
      if (!act) return;
      event.preventDefault();
      act(latest.current, element.clientWidth / 2);
    };
    const cancel = (event: PointerEvent) => {
      fingers.delete(event.pointerId);
      held = null;
      brushed = null;
      latest.current.brush(0, null);
    };
    const leave = () => latest.current.leave();
    const blur = () => latest.current.blur();
    const fit = () => latest.current.fit();

    const ended = new AbortController();
    const { signal } = ended;
    element.addEventListener("wheel", wheel, { passive: false, signal });
    element.addEventListener("pointerdown", down, { signal });
    element.addEventListener("pointermove", move, { signal });
    element.addEventListener("pointerup", up, { signal });
    element.addEventListener("pointercancel", cancel, { signal });
    element.addEventListener("pointerleave", leave, { signal });
    element.addEventListener("dblclick", fit, { signal });
    element.addEventListener("keydown", key, { signal });
    element.addEventListener("blur", blur, { signal });
    return () => ended.abort();
  }, [canvas]);
}

/** A finger of two has moved: zoom by how much further apart they are, around their middle. */
function pinch(fingers: Map<number, PointerEvent>, event: PointerEvent, to: Gestures): void {
  const before = fingers.get(event.pointerId);
  const other = [...fingers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
  if (!before || !other) return;
  const was = Math.abs(before.offsetX - other.offsetX);
  const is = Math.abs(event.offsetX - other.offsetX);
  fingers.set(event.pointerId, event);
  if (was > SLOP && is > SLOP) to.zoom(was / is, (event.offsetX + other.offsetX) / 2);
}
