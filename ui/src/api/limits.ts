import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, patch, post, remove } from "~/api/client";
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type LimitItem = Shapes["LimitItem"];
export type LimitDetails = Shapes["LimitDetails"];
export type LimitHolder = Shapes["LimitHolder"];
export type LimitWaiter = Shapes["LimitWaiter"];
export type NewLimit = Shapes["NewLimit"];
export type LimitChange = Shapes["LimitChange"];

const AT_ONCE = 100;
const LOOK_MS = 1_000; // slots come and go without a word: who shows them looks again

/** The limits by name, those whose name begins so. */
export function limits(prefix: string) {
  return infiniteQueryOptions({
    queryKey: ["limits", prefix],
    queryFn: ({ pageParam, signal }) =>
      get<Shapes["LimitPage"]>("/limits", { prefix, limit: AT_ONCE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: 2 * LOOK_MS,
  });
}

/** A limit with who holds its slots and who waits for them. */
export function limit(id: string) {
  return queryOptions({
    queryKey: ["limit", id],
    queryFn: ({ signal }) => get<LimitDetails>(`/limits/${id}`, {}, signal),
    refetchInterval: LOOK_MS,
  });
}

export function createLimit(made: NewLimit): Promise<LimitDetails> {
  return post("/limits", made);
}

export function changeLimit(id: string, change: LimitChange): Promise<LimitDetails> {
  return patch(`/limits/${id}`, change);
}

export function deleteLimit(id: string): Promise<null> {
  return remove(`/limits/${id}`);
}

export function resetLimit(id: string): Promise<Shapes["LimitReset"]> {
  return post(`/limits/${id}/reset`);
}
