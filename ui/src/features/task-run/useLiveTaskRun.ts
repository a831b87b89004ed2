import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { paced } from "~/live/paced";
import { listen } from "~/live/stream";

/** Read a task run anew as it changes; `flowRun` is undefined until it is known. */
export function useLiveTaskRun(id: string, flowRun: string | null | undefined): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (flowRun === undefined) return;
    const pace = paced(() =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ["task-run", id] }),
        queries.invalidateQueries({ queryKey: ["error-lines"] }),
        queries.invalidateQueries({ queryKey: ["artifacts-of"] }),
      ]),
    );
    const end = listen([flowRun === null ? "runs" : `run:${flowRun}`], () => pace.ask());
    return () => {
      end();
      pace.stop();
    };
  }, [id, flowRun, queries]);
}
