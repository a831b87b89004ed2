import { expect, test, vi } from "vitest";
import { paced } from "~/live/paced";

test("what is asked for while it is being done is done once more, not once each", async () => {
  vi.useFakeTimers();
  const act = vi.fn(() => Promise.resolve());
  const { ask } = paced(act, 100);
  for (let time = 0; time < 5; time += 1) ask();
  expect(act).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(act).toHaveBeenCalledTimes(2);
  vi.useRealTimers();
});

test("what is stopped is not done again", async () => {
  vi.useFakeTimers();
  const act = vi.fn(() => Promise.resolve());
  const { ask, stop } = paced(act, 100);
  ask();
  ask();
  stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(act).toHaveBeenCalledTimes(1);
  vi.useRealTimers();
});
