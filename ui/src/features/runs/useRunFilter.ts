import { getRouteApi } from "@tanstack/react-router";
import { useCallback } from "react";
import type { RunFilter } from "~/model/filters";

const route = getRouteApi("/runs");

export type Change = (changes: RunFilter, how?: { replace: boolean }) => void;

/** What the address filters by, and a way to change it: as a step back, or (`replace`) without. */
export function useRunFilter(): readonly [RunFilter, Change, (filter: RunFilter) => void] {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const change = useCallback<Change>(
    (changes, how) => {
      void navigate({
        search: (before) => ({ ...before, ...changes }),
        replace: how?.replace ?? false,
        resetScroll: false,
      });
    },
    [navigate],
  );
  const set = useCallback(
    (next: RunFilter) => void navigate({ search: () => next, resetScroll: false }),
    [navigate],
  );
  return [filter, change, set];
}
