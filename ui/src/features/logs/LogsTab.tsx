import { useMemo, useState } from "react";
import type { LinesWanted } from "~/api/logs";
import type { FlowRun } from "~/api/shapes";
import { LogLines } from "~/features/logs/LogLines";
import { LogTools } from "~/features/logs/LogTools";
import { useLines } from "~/features/logs/useLines";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { wordsOf } from "~/model/logs";
import { Empty } from "~/parts/Empty";
import { Loading } from "~/parts/Loading";
import { Trouble } from "~/parts/Trouble";
import "./logs.css";

/** The log lines of a flow run and of its task runs; those of a live run are followed. */
export function LogsTab({ run }: { run: FlowRun }) {
  const [search, change] = useRunSearch();
  const { text, level, task, at } = search;
  const [isLatest, setLatest] = useState(run.is_open && at === undefined);
  const [following, setFollowing] = useState(true);
  const wanted = useMemo((): LinesWanted => {
    return { flow_run: run.id, text, level, task, at_after: isLatest ? undefined : at };
  }, [run.id, text, level, task, at, isLatest]);
  const { found, lines, error } = useLines(wanted, isLatest);
  const words = useMemo(() => wordsOf(text ?? ""), [text]);
  return (
    <>
      <LogTools
        run={run}
        wanted={wanted}
        isLatest={isLatest}
        following={following}
        follow={() => {
          change({ at: undefined }, { replace: true });
          setLatest(true);
          setFollowing(true);
        }}
        fromStart={() => {
          change({ at: undefined }, { replace: true });
          setLatest(false);
        }}
        jump={(time) => {
          setLatest(false);
          change({ at: time }, { replace: true });
        }}
      />
      {error ? <Trouble error={error} retry={() => found.refetch()} /> : null}
      {found.isPending && !error ? <Loading lines={10} /> : null}
      {found.data && lines.length === 0 && !found.hasNextPage ? (
        <NoLines run={run} narrowed={Boolean(text || level || task || at)} />
      ) : null}
      {found.data && (lines.length > 0 || found.hasNextPage) ? (
        <LogLines
          key={isLatest ? "latest" : `from ${at ?? "start"}`}
          lines={lines}
          words={words}
          isLatest={isLatest}
          following={following && isLatest && run.is_open}
          setFollowing={setFollowing}
          hasMore={found.hasNextPage}
          isLoading={found.isFetchingNextPage}
          more={() => found.fetchNextPage()}
        />
      ) : null}
    </>
  );
}

function NoLines({ run, narrowed }: { run: FlowRun; narrowed: boolean }) {
  if (narrowed) return <Empty title="No line fits what is sought" />;
  return (
    <Empty title={run.is_open ? "No line yet" : "This run logged nothing"}>
      Lines come from <code>get_run_logger()</code> in flows and tasks:
      <pre>get_run_logger().info("Loaded %s rows", count)</pre>
    </Empty>
  );
}
