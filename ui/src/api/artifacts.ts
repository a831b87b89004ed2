import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, remove } from "~/api/client";
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type ArtifactItem = Shapes["ArtifactItem"];
type ArtifactPage = Shapes["ArtifactPage"];

const AT_ONCE = 60;

/** The newest version of each key, by key; or all versions and those without a key, the newest first. */
export function artifacts(which: "newest" | "all", type: string, search: string) {
  return infiniteQueryOptions({
    queryKey: ["artifacts", which, type, search],
    queryFn: ({ pageParam, signal }) => {
      const path = which === "newest" ? "/artifacts/newest" : "/artifacts";
      return get<ArtifactPage>(path, { type, search, limit: AT_ONCE, cursor: pageParam }, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

/** The versions of a key, the newest first, each with the beginning of its data. */
export function artifactVersions(key: string) {
  return infiniteQueryOptions({
    queryKey: ["artifact-versions", key],
    queryFn: ({ pageParam, signal }) =>
      get<ArtifactPage>("/artifacts", { key, limit: AT_ONCE, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

/** One version with all of its data. */
export function artifact(id: string) {
  return queryOptions({
    queryKey: ["artifact", id],
    queryFn: ({ signal }) => get<ArtifactItem>(`/artifacts/${id}`, {}, signal),
  });
}

export function deleteArtifact(id: string): Promise<null> {
  return remove(`/artifacts/${id}`);
}
