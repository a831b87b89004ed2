import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "~/api/client";

/** What was asked of the server lately, for the whole page. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      gcTime: 60_000, // a page that is open for a day must not grow
      retry: (count, error) =>
        count < 2 && !(error instanceof ApiError && error.status < 500 && error.status > 0),
    },
  },
});
