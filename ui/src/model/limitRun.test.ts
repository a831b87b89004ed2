import { expect, test } from "vitest";
import { limitRunOf, placesOf, takenOf, takenText } from "~/model/limitRun";

test("a run is known by its words, with or without its id", () => {
  expect(limitRunOf("task run load-a1", null)).toEqual({ kind: "task", name: "load-a1", id: null });
  expect(limitRunOf("flow run nightly\nbatch", "7")).toEqual({
    kind: "flow",
    name: "nightly\nbatch",
    id: "7",
  });
});

test("words that somebody chose are no run", () => {
  for (const label of ["", "my worker", "task run", "a task run x"]) {
    expect(limitRunOf(label, null)).toBeNull();
  }
});

test("of a rate the level counts, of slots who holds them", () => {
  const slots = { limit: 1_000, used: 3, level: 0, slot_decay_per_second: 0 };
  expect(takenText(slots)).toBe("3 of 1,000");
  const rate = { limit: 10, used: 0, level: 4.25, slot_decay_per_second: 2 };
  expect(takenText(rate)).toBe("4.3 of 10");
  expect(takenOf(rate)).toBe(4.25);
});

test("places of a process that does not tell who waits are told together", () => {
  const waits = (position: number, label: string, pid: number) => {
    return { position, label, pid, host: "", run: null };
  };
  const queue = [waits(1, "task run a", 7), waits(2, "", 7), waits(3, "", 7), waits(4, "", 8)];
  const places = placesOf([...queue, waits(5, "task run b", 8), waits(6, "task run b", 8)]);
  expect(places.map(({ position, last }) => [position, last])).toEqual([
    [1, 1],
    [2, 3],
    [4, 4],
    [5, 5],
    [6, 6],
  ]);
});
