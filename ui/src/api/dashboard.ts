import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { Dashboard, FlowRunPage, LimitPage } from "~/api/shapes";

/** What the home page shows, looking back so many hours. */
export function dashboard(hours: number) {
  return queryOptions({
    queryKey: ["dashboard", hours],
    queryFn: ({ signal }) => get<Dashboard>("/dashboard", { hours }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000, // hours begin and minutes pass also where nothing happens
  });
}

/** Whether any flow ever ran: what is asked where nothing is to be shown. */
export function anyRun() {
  return queryOptions({
    queryKey: ["runs", "any"],
    queryFn: ({ signal }) => get<FlowRunPage>("/flow-runs", { limit: 1 }, signal),
  });
}

/** The limits, to find those that runs wait for. */
export function limitsInUse() {
  return queryOptions({
    queryKey: ["limits", "in-use"],
    queryFn: ({ signal }) => get<LimitPage>("/limits", { limit: 1_000 }, signal),
  });
}
