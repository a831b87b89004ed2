import { useSyncExternalStore } from "react";

/** The time, turned once a second for all who show it; it stands still while the page is hidden. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, snapshot);
}

const listeners = new Set<() => void>();
let now = Date.now();
let timer = 0;

function snapshot(): number {
  return now;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === 0) {
    now = Date.now();
    timer = window.setInterval(turn, 1_000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      window.clearInterval(timer);
      timer = 0;
    }
  };
}

function turn(): void {
  if (document.hidden) return;
  now = Date.now();
  for (const listener of listeners) listener();
}
