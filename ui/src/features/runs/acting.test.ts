import { afterEach, expect, test, vi } from "vitest";
import {
  actOnFlows,
  cancelTasks,
  NOTHING,
  type RunOutcome,
  withOutcomes,
} from "~/features/runs/acting";

const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const told: RunOutcome[] = [];
const tell = (done: readonly RunOutcome[]) => void told.push(...done);

afterEach(() => {
  told.length = 0;
  vi.unstubAllGlobals();
});

test("with a filter each request goes on where the one before it ended", async () => {
  const fetch = vi
    .fn()
    .mockResolvedValueOnce(answer({ items: [{ id: "c", outcome: "deleted" }], next: "place" }))
    .mockResolvedValueOnce(answer({ items: [{ id: "b", outcome: "refused" }], next: null }));
  vi.stubGlobal("fetch", fetch);
  await actOnFlows("delete", { filter: { flow: ["etl"] } }, tell, new AbortController().signal);
  expect(told.map(({ id }) => id)).toEqual(["c", "b"]);
  const bodies = fetch.mock.calls.map(([, request]) => JSON.parse(request.body));
  expect(bodies.map(({ cursor }) => cursor)).toEqual([null, "place"]);
  expect(bodies[1].filter).toEqual({ flow: ["etl"] });
});

test("many ids are sent in parts, and none after a stop", async () => {
  const stop = new AbortController();
  const fetch = vi.fn().mockImplementation(() => {
    stop.abort();
    return Promise.resolve(answer({ items: [], next: null }));
  });
  vi.stubGlobal("fetch", fetch);
  const ids = Array.from({ length: 250 }, (_, number) => `${number}`);
  await actOnFlows("cancel", { ids }, tell, stop.signal);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(JSON.parse(fetch.mock.calls[0]?.[1].body).ids).toHaveLength(100);
});

test("a task run that is refused does not keep the others from being cancelled", async () => {
  const fetch = vi
    .fn()
    .mockResolvedValueOnce(answer({ code: "ended", message: "It is over.", hint: "" }, 409))
    .mockResolvedValueOnce(answer({ is_cancelled: false }));
  vi.stubGlobal("fetch", fetch);
  await cancelTasks({ ids: ["a", "b"] }, tell, new AbortController().signal);
  expect(told).toEqual([
    { id: "a", outcome: "refused", reason: "It is over." },
    { id: "b", outcome: "asked" },
  ]);
});

test("a summary counts all and keeps the reasons of the first ones only", () => {
  const some = Array.from({ length: 300 }, (_, number): RunOutcome => {
    return { id: `${number}`, outcome: number < 250 ? "refused" : "deleted", reason: "It runs." };
  });
  const { count, counts, reasons } = withOutcomes(withOutcomes(NOTHING, some), some);
  expect(count).toBe(600);
  expect([...counts]).toEqual([
    ["refused", 500],
    ["deleted", 100],
  ]);
  expect(reasons).toHaveLength(200);
});

test("task runs that fit a filter are cancelled page by page", async () => {
  const asked: string[] = [];
  const fetch = vi.fn().mockImplementation((url: string, { method }: RequestInit) => {
    asked.push(`${method} ${url}`);
    if (method === "POST") return Promise.resolve(answer({ is_cancelled: false }));
    const isFirst = !url.includes("cursor");
    const items = isFirst ? [{ id: "c" }, { id: "b" }] : [{ id: "a" }];
    return Promise.resolve(answer({ items, next: isFirst ? "place" : null, searched_to: null }));
  });
  vi.stubGlobal("fetch", fetch);
  const filter = { task: ["load"], is_open: true };
  await cancelTasks({ filter }, tell, new AbortController().signal);
  expect(told).toEqual(["c", "b", "a"].map((id) => ({ id, outcome: "asked" })));
  const lists = asked.filter((one) => one.startsWith("GET"));
  expect(lists).toHaveLength(2);
  expect(lists[1]).toContain("task=load&is_open=true&cursor=place");
});
