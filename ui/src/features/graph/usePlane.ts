import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

/** What is in view: the plane moved by `x` and `y` pixels and drawn `scale` times as large. */
export interface Plane {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const LEAST = 0.05;
const READABLE = 0.62; // below it not all fits at first
const MOST = 2.5;
const STEP = 70;

/** A plane that is moved and zoomed by wheel, drag, pinch and keys; it begins as it fits. */
export function usePlane(
  frame: RefObject<HTMLElement | null>,
  size: { width: number; height: number },
): { plane: Plane; zoom: (factor: number) => void; showAll: () => void } {
  const [chosen, choose] = useState<Plane | null>(null);
  const [room, setRoom] = useState({ width: 1, height: 1 });
  const plane = chosen ?? fittingPlane(size, room);
  const showAll = () => choose(wholePlane(size, room));
  const latest = useRef({ plane, showAll });
  latest.current = { plane, showAll };

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      setRoom({ width: element.clientWidth, height: element.clientHeight });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    return hear(
      element,
      () => latest.current.plane,
      choose,
      () => latest.current.showAll(),
    );
  }, [frame]);

  return {
    plane,
    zoom: (factor) => choose(zoomed(plane, factor, room.width / 2, room.height / 2)),
    showAll,
  };
}

function wholePlane(
  size: { width: number; height: number },
  room: { width: number; height: number },
): Plane {
  const scale = Math.min(1, room.width / size.width, room.height / size.height);
  const x = (room.width - size.width * scale) / 2;
  return { x, y: (room.height - size.height * scale) / 2, scale };
}

/** All of it, or where that would be too small to read its beginning. */
function fittingPlane(
  size: { width: number; height: number },
  room: { width: number; height: number },
): Plane {
  const scale = Math.min(1, room.width / size.width, room.height / size.height);
  const readable = Math.max(scale, READABLE);
  const x = (room.width - size.width * readable) / 2;
  const y = (room.height - size.height * readable) / 2;
  return { x: Math.max(0, x), y: Math.max(0, y), scale: readable };
}

/** Zoom around a point of the frame, which stays where it is. */
export function zoomed(plane: Plane, factor: number, x: number, y: number): Plane {
  const scale = Math.min(MOST, Math.max(LEAST, plane.scale * factor));
  const share = scale / plane.scale;
  return { scale, x: x - (x - plane.x) * share, y: y - (y - plane.y) * share };
}

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [STEP, 0],
  ArrowRight: [-STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
};
const ZOOMS: Readonly<Record<string, number>> = { "+": 1.3, "=": 1.3, "-": 1 / 1.3 };

function hear(
  element: HTMLElement,
  now: () => Plane,
  choose: (plane: Plane) => void,
  showAll: () => void,
): () => void {
  const held = new Map<number, { x: number; y: number }>();
  const move = (dx: number, dy: number) => {
    const plane = now();
    choose({ ...plane, x: plane.x + dx, y: plane.y + dy });
  };
  const placeOf = (event: MouseEvent) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const { x, y } = placeOf(event);
    const speed = event.ctrlKey ? 0.01 : 0.002;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      move(-event.deltaX, -event.deltaY);
    } else choose(zoomed(now(), Math.exp(-event.deltaY * speed), x, y));
  };
  const down = (event: PointerEvent) => {
    if ((event.target as Element).closest("button, a, summary")) return;
    held.set(event.pointerId, placeOf(event));
    element.setPointerCapture(event.pointerId);
  };
  const drag = (event: PointerEvent) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const here = placeOf(event);
    held.set(event.pointerId, here);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) {
      move(here.x - before.x, here.y - before.y);
      return;
    }
    const far = Math.hypot(here.x - other.x, here.y - other.y);
    const near = Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    choose(zoomed(now(), far / near, (here.x + other.x) / 2, (here.y + other.y) / 2));
  };
  const up = (event: PointerEvent) => held.delete(event.pointerId);
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const by = MOVES[event.key];
    const factor = ZOOMS[event.key];
    if (by) move(...by);
    else if (factor)
      choose(zoomed(now(), factor, element.clientWidth / 2, element.clientHeight / 2));
    else if (event.key === "0") showAll();
    else return;
    event.preventDefault();
  };
  element.addEventListener("wheel", wheel, { passive: false });
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", drag);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("keydown", key);
  return () => {
    element.removeEventListener("wheel", wheel);
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", drag);
    element.removeEventListener("pointerup", up);
    element.removeEventListener("pointercancel", up);
    element.removeEventListener("keydown", key);
  };
}
