import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { get } from "~/api/client";
import { BROKEN } from "~/live/stream";

const SOON_MS = 2_000;
const LATER_MS = 15_000;
const VERSION_MS = 60_000;

/** A line that says so while the server does not answer, or once it is another version's. */
export function ServerBanner() {
  const health = useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => get<unknown>("/health", {}, signal),
    refetchInterval: (query) => (query.state.status === "error" ? SOON_MS : LATER_MS),
    retry: 1,
  });
  const { refetch } = health;
  useEffect(() => {
    // A stream broke: that is said now, and not when it is next looked at.
    const look = () => void refetch({ cancelRefetch: false });
    window.addEventListener(BROKEN, look);
    return () => window.removeEventListener(BROKEN, look);
  }, [refetch]);
  useReturn(health.isError);
  const isNew = useNewVersion();
  if (health.isError) {
    return (
      <div className="banner" role="status">
        The server does not answer. What you see is from before; this page goes on when it is back.
      </div>
    );
  }
  if (isNew === null) return null;
  return (
    <div className="banner banner-news" role="status">
      The server is at version {isNew} now; this page is an older one's.
      <button
        type="button"
        className="button button-small"
        onClick={() => window.location.reload()}
      >
        Load it anew
      </button>
    </div>
  );
}

/** Once the server is back, what could not be read is read without anybody's asking. */
function useReturn(isAway: boolean): void {
  const queries = useQueryClient();
  const wasAway = useRef(false);
  useEffect(() => {
    if (wasAway.current && !isAway) {
      void queries.refetchQueries({ predicate: ({ state }) => state.status === "error" });
    }
    wasAway.current = isAway;
  }, [isAway, queries]);
}

/** The server's version where it is not the one that this page came from, else null. */
function useNewVersion(): string | null {
  const isIn = useLocation({ select: ({ pathname }) => pathname !== "/login" });
  const [first, setFirst] = useState<string | null>(null);
  const found = useQuery({
    queryKey: ["version"],
    queryFn: ({ signal }) => get<{ flowstone: string }>("/version", {}, signal),
    refetchInterval: VERSION_MS,
    enabled: isIn, // who is not logged in yet is not told
  });
  const version = found.data?.flowstone ?? null;
  if (first === null && version !== null) setFirst(version);
  return version !== null && first !== null && version !== first ? version : null;
}
