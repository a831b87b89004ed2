import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";

/** Read what unfolded subflow runs called anew as it changes. */
export function useLiveSubflows(ids: readonly string[]): void {
  const queries = useQueryClient();
  const key = ids.join(",");
  useEffect(() => {
    if (key === "") return;
    const opened = key.split(",");
    const pace = paced(() =>
      Promise.all(opened.map((id) => readAnew(queries, ["timeline", id, "task"]))),
    );
    const end = listen(
      opened.map((id) => `run:${id}`),
      () => pace.ask(),
    );
    return () => {
      end();
      pace.stop();
    };
  }, [key, queries]);
}
