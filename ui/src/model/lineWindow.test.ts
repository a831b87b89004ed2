import { expect, test, vi } from "vitest";
import { LineWindow, type Way } from "~/model/lineWindow";

const PAGE = 10;

/** Lines 0, 1, 2, … of which `begin` is the first one on, and `begin - 1` the first one back. */
function reader(begin: number, count: number) {
  return vi.fn(async (way: Way, cursor: string | null) => {
    const from = cursor === null ? (way === "on" ? begin : begin - 1) : Number(cursor);
    const step = way === "on" ? 1 : -1;
    const items: number[] = [];
    for (let at = from; items.length < PAGE && at >= 0 && at < count; at += step) items.push(at);
    const next = from + step * PAGE;
    return { items, next: next >= 0 && next < count ? String(next) : null };
  });
}

test("lines are found by their place, also those before where the window began", async () => {
  const lines = new LineWindow(reader(50, 100), ["on", "back"]);
  await lines.more("on");
  await lines.more("back");
  expect([lines.begin, lines.end]).toEqual([-10, 10]);
  expect([-10, -1, 0, 9].map((place) => lines.at(place))).toEqual([40, 49, 50, 59]);
});

test("a way ends where there are no more lines, and one that is not wanted never begins", async () => {
  const lines = new LineWindow(reader(0, 15), ["on"]);
  expect(lines.hasMore("back")).toBe(false);
  await lines.more("on");
  await lines.more("on");
  expect(lines.hasMore("on")).toBe(false);
  expect(lines.end).toBe(15);
});

test("however far one goes, only the lines around the view are kept; others come back", async () => {
  const read = reader(0, 1_000);
  const lines = new LineWindow(read, ["on"]);
  while (lines.hasMore("on")) {
    await lines.more("on");
    lines.look(lines.end - 5, lines.end - 1);
  }
  const here = () =>
    Array.from({ length: 1_000 }, (_, at) => at).filter((at) => lines.at(at) === at);
  expect(here().length).toBeLessThanOrEqual(170);
  expect(lines.at(3)).toBeUndefined();
  const reads = read.mock.calls.length;
  lines.look(0, 5);
  await vi.waitFor(() => expect(lines.at(3)).toBe(3));
  expect(read.mock.calls.length).toBe(reads + 1);
  lines.look(0, 5);
  expect(here().length).toBeLessThanOrEqual(170);
});

test("a page without lines that says there is more is no end", async () => {
  const pages = [
    { items: [], next: "behind" },
    { items: [7], next: null },
  ];
  const lines = new LineWindow(async () => pages.shift() as (typeof pages)[0], ["on"]);
  await lines.more("on");
  expect([lines.end, lines.hasMore("on")]).toEqual([0, true]);
  await lines.more("on");
  expect([lines.at(0), lines.hasMore("on")]).toEqual([7, false]);
});

test("what fails is told, and asked for again on the next go", async () => {
  let isDown = true;
  const read = async () => {
    if (isDown) throw new Error("down");
    return { items: [1], next: null };
  };
  const lines = new LineWindow(read, ["on"]);
  const told = vi.fn();
  lines.subscribe(told);
  await lines.more("on");
  expect(lines.error?.message).toBe("down");
  expect(told).toHaveBeenCalled();
  isDown = false;
  await lines.more("on");
  expect([lines.error, lines.at(0)]).toEqual([null, 1]);
});
