import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "~/api/client";
import type { SavedFilter, SavedFilterPage } from "~/api/shapes";

export type View = "flow-runs" | "task-runs";

/** The filters that somebody saved for a list; all who use the server share them. */
export function savedFilters(view: View) {
  return queryOptions({
    queryKey: ["filters", view],
    queryFn: ({ signal }) => get<SavedFilterPage>("/filters", { view }, signal),
  });
}

/** Save a filter under a name; one that has the name is replaced. */
export function saveFilter(
  view: View,
  name: string,
  query: Record<string, unknown>,
): Promise<SavedFilter> {
  return post("/filters", { view, name, query });
}

export function deleteFilter(id: string): Promise<null> {
  return remove(`/filters/${id}`);
}
