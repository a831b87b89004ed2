import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";

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
    const end = listen([`run:${id}`], () => {
      header.ask();
      tasks.ask();
    });
    return () => {
      end();
      header.stop();
      tasks.stop();
    };
  }, [id, isLive, queries]);
}
