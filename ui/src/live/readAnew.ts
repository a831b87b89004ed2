import type { QueryClient, QueryKey } from "@tanstack/react-query";

/**
 * Read what is shown under a key anew. A first answer that is still on its way may be older than
 * the change that is told, and asking again meanwhile would only wait for that one.
 */
export async function readAnew(queries: QueryClient, queryKey: QueryKey): Promise<void> {
  const first = queries
    .getQueryCache()
    .findAll({ queryKey, fetchStatus: "fetching" })
    .filter((query) => query.state.data === undefined);
  await Promise.allSettled(first.map((query) => query.promise));
  await queries.invalidateQueries({ queryKey });
}
