import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { flowRun } from "~/api/flowRun";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";

const SETTLED_MS = 60_000;

/** Read a flow run, its task runs and what is selected of them anew as they change, while live. */
export function useLiveRun(id: string, isLive: boolean): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!isLive) return;
    const header = paced(() => readAnew(queries, ["flow-run", id]));
    const tasks = paced(() =>
      Promise.all([
        readAnew(queries, ["timeline", id]),
        readAnew(queries, ["graph", id]),
        readAnew(queries, ["subflows", id]),
        readAnew(queries, ["artifacts-of"]),
        readAnew(queries, ["bad-task-runs", id]),
        readAnew(queries, ["task-run"]),
        readAnew(queries, ["error-lines"]),
      ]),
    );
    const isSettled = () => {
      const ended = queries.getQueryData(flowRun(id).queryKey)?.ended;
      return ended != null && Date.now() - Date.parse(ended) > SETTLED_MS;
    };
    const end = listen([`run:${id}`], (changes) => {
      header.ask();
      // A hundred thousand runs are not read twice because a stream began.
      if (changes !== "look-again" || !isSettled()) tasks.ask();
    });
    return () => {
      end();
      header.stop();
      tasks.stop();
    };
  }, [id, isLive, queries]);
}
