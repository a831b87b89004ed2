import { useQuery } from "@tanstack/react-query";
import { get } from "~/api/client";

/** A line that says so while the server does not answer; what is shown stays as it was. */
export function ServerBanner() {
  const health = useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => get<unknown>("/health", {}, signal),
    refetchInterval: (query) => (query.state.status === "error" ? 2_000 : 15_000),
    retry: 1,
  });
  if (!health.isError) return null;
  return (
    <div className="banner" role="status">
      The server does not answer. What you see is from before; this page goes on when it is back.
    </div>
  );
}
