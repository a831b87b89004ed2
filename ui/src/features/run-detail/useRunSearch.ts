import { getRouteApi } from "@tanstack/react-router";
import type { RunSearch } from "~/model/runSearch";

const route = getRouteApi("/runs/$id");

/** What the address says, and a way to change it: as a step back, or (`replace`) without one. */
export function useRunSearch(): readonly [
  RunSearch,
  (changes: RunSearch, how?: { replace: boolean }) => void,
] {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return [
    search,
    (changes, how) => {
      void navigate({
        search: (before) => ({ ...before, ...changes }),
        replace: how?.replace ?? false,
        resetScroll: false,
      });
    },
  ];
}
