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
  /** The height of the ruler: what is dragged there is a stretch of time. */
  readonly rulerBelow: number;
  /** A stretch is being dragged, in pixels; none any more where the end is null. */
  readonly brush: (from: number, to: number | null) => void;
  /** A stretch was dragged. */
  readonly pick: (from: number, to: number) => void;
}

const SLOP = 4; // pixels that a press may move
const STEP = 60;

const KEYS: Readonly<Record<string, (to: Gestures, middle: number) => void>> = {
  "+": (to, middle) => to.zoom(0.7, middle),
  "=": (to, middle) => to.zoom(0.7, middle),
  "-": (to, middle) => to.zoom(1.4, middle),
  "0": (to) => to.fit(),
  ArrowLeft: (to) => to.pan(-STEP, 0),
  ArrowRight: (to) => to.pan(STEP, 0),
  ArrowUp: (to) => to.pan(0, -STEP),
  ArrowDown: (to) => to.pan(0, STEP),
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
      if (event.offsetY < latest.current.rulerBelow) brushed = event.offsetX;
      else held = { x: event.offsetX, y: event.offsetY, moved: false };
      element.setPointerCapture(event.pointerId);
    };
    const move = (event: PointerEvent) => {
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
    const leave = () => latest.current.leave();
    const fit = () => latest.current.fit();

    element.addEventListener("wheel", wheel, { passive: false });
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointerleave", leave);
    element.addEventListener("dblclick", fit);
    element.addEventListener("keydown", key);
    return () => {
      element.removeEventListener("wheel", wheel);
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointerleave", leave);
      element.removeEventListener("dblclick", fit);
      element.removeEventListener("keydown", key);
    };
  }, [canvas]);
}
