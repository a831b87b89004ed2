import { infiniteQueryOptions } from "@tanstack/react-query";
import { get } from "~/api/client";
import type { ArtifactPage } from "~/api/shapes";

/** Of which run: a flow run with its task runs, or one task run. */
export interface ArtifactsWanted {
  readonly flow_run?: string;
  readonly task_run?: string;
}

/** The artifacts that runs left, the newest first, each with the beginning of its data. */
export function artifactsOf(wanted: ArtifactsWanted) {
  return infiniteQueryOptions({
    queryKey: ["artifacts-of", wanted],
    queryFn: ({ pageParam, signal }) =>
      get<ArtifactPage>("/artifacts", { ...wanted, limit: 30, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}
