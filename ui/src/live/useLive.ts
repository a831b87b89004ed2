import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { paced } from "~/live/paced";
import { readAnew } from "~/live/readAnew";
import { listen } from "~/live/stream";

/** Read what is shown under a key anew when something of a topic changes, `leastMs` apart. */
export function useLive(topic: string, key: QueryKey, leastMs = 500): void {
  const queries = useQueryClient();
  const name = JSON.stringify(key);
  useEffect(() => {
    const pace = paced(() => readAnew(queries, JSON.parse(name) as QueryKey), leastMs);
    const end = listen([topic], pace.ask);
    return () => {
      end();
      pace.stop();
    };
  }, [queries, topic, name, leastMs]);
}
