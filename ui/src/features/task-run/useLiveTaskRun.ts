import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";

/** Read a task run anew as it changes; `flowRun` is undefined until it is known. */
export function useLiveTaskRun(id: string, flowRun: string | null | undefined): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (flowRun === undefined) return;
    const pace = paced(() =>
      Promise.all([
        readAnew(queries, ["task-run", id]),
        readAnew(queries, ["error-lines"]),
        readAnew(queries, ["artifacts-of"]),
      ]),
    );
    const end = listen([flowRun === null ? "runs" : `run:${flowRun}`], () => pace.ask());
    return () => {
      end();
      pace.stop();
    };
  }, [id, flowRun, queries]);
}
