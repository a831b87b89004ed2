import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { paced } from "~/live/paced";
import { listen } from "~/live/stream";

/** Read a flow run, its task runs and what is selected of them anew as they change, while live. */
export function useLiveRun(id: string, isLive: boolean): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!isLive) return;
    const readAnew = (...key: string[]) => queries.invalidateQueries({ queryKey: key });
    const header = paced(() => readAnew("flow-run", id));
    const tasks = paced(() =>
      Promise.all([
        readAnew("timeline", id),
        readAnew("graph", id),
        readAnew("subflows", id),
        readAnew("artifacts-of"),
        readAnew("bad-task-runs", id),
        readAnew("task-run"),
        readAnew("error-lines"),
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
