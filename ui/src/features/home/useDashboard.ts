import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { dashboard } from "~/api/dashboard";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";

/** What the home page shows; it follows what happens. */
export function useDashboard(hours: number) {
  const queries = useQueryClient();
  useEffect(() => {
    const runs = paced(() => readAnew(queries, ["dashboard"]), 500);
    const limits = paced(() => readAnew(queries, ["limits", "in-use"]), 500);
    const end = listen(["runs", "limits"], (changes) => {
      if (changes === "look-again") {
        runs.ask();
        limits.ask();
        return;
      }
      if (changes.flow_runs.length > 0 || changes.task_runs.length > 0) runs.ask();
      if (changes.limits) limits.ask();
    });
    return () => {
      end();
      runs.stop();
      limits.stop();
    };
  }, [queries]);
  return useQuery(dashboard(hours));
}
