/**
 * Does something again whenever asked, one at a time and never more than a quarter of the time: what
 * takes long for a large run is done less often. Asked for meanwhile, it is done once more.
 */
export function paced(
  act: () => Promise<unknown>,
  leastMs = 250,
): { ask: () => void; stop: () => void } {
  let busy = false;
  let asked = false;
  let stopped = false;
  let timer = 0;

  const run = async () => {
    busy = true;
    asked = false;
    const begun = performance.now();
    try {
      await act();
    } finally {
      timer = window.setTimeout(rest, Math.max(leastMs, 3 * (performance.now() - begun)));
    }
  };
  const rest = () => {
    busy = false;
    if (asked && !stopped) void run();
  };
  return {
    ask: () => {
      asked = true;
      if (!busy && !stopped) void run();
    },
    stop: () => {
      stopped = true;
      window.clearTimeout(timer);
    },
  };
}
