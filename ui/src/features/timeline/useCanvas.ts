import { type RefObject, useEffect, useRef, useState } from "react";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A canvas that fills its parent at the screen's resolution; `paint` runs once a frame at most. */
export function useCanvas(paint: (canvas: CanvasRenderingContext2D, size: Size) => void): {
  canvas: RefObject<HTMLCanvasElement | null>;
  size: Size;
  redraw: () => void;
} {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const latest = useRef(paint);
  const frame = useRef(0);
  latest.current = paint;

  const redraw = useRef(() => {
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (!element || !context) return;
      const scale = window.devicePixelRatio || 1;
      context.setTransform(scale, 0, 0, scale, 0, 0);
      latest.current(context, { width: element.width / scale, height: element.height / scale });
    });
  }).current;

  useEffect(() => {
    const element = canvas.current;
    const parent = element?.parentElement;
    if (!element || !parent) return;
    const observer = new ResizeObserver(() => {
      const scale = window.devicePixelRatio || 1;
      const { clientWidth: width, clientHeight: height } = parent;
      element.width = Math.round(width * scale);
      element.height = Math.round(height * scale);
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
      setSize({ width, height });
      redraw();
    });
    observer.observe(parent);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [redraw]);

  return { canvas, size, redraw };
}
