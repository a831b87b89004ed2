import { queryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type SettingValue = Shapes["SettingValue"];
export type ServerShown = Shapes["ServerShown"];
export type ServiceShown = Shapes["ServiceShown"];

/** What is running. */
export function version() {
  return queryOptions({
    queryKey: ["version"],
    queryFn: ({ signal }) => get<Shapes["Version"]>("/version", {}, signal),
    staleTime: 60_000,
  });
}

/** How the server is: its services and its database; for `admin`. */
export function server() {
  return queryOptions({
    queryKey: ["server"],
    queryFn: ({ signal }) => get<ServerShown>("/server", {}, signal),
    refetchInterval: 3_000,
  });
}

/** Every setting of the server, and where it comes from; for `admin`. */
export function settings() {
  return queryOptions({
    queryKey: ["settings"],
    queryFn: ({ signal }) => get<Shapes["SettingList"]>("/settings", {}, signal),
    staleTime: 60_000,
  });
}
