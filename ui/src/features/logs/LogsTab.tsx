import { useMemo, useState } from "react";
import type { LinesWanted } from "~/api/logs";
import type { FlowRun } from "~/api/shapes";
import { LogLines } from "~/features/logs/LogLines";
import { LogTools } from "~/features/logs/LogTools";
import { type Anchor, useLines } from "~/features/logs/useLines";
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
    return { flow_run: run.id, text, level, task };
  }, [run.id, text, level, task]);
  const anchor: Anchor = isLatest ? "latest" : at === undefined ? "start" : { at };
  const isFollowing = following && isLatest && run.is_open;
  const lines = useLines(wanted, anchor, isFollowing);
  const { window, followed, error } = lines;
  const words = useMemo(() => wordsOf(text ?? ""), [text]);
  const count = window.end - window.begin + followed.length;
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
      {error ? <Trouble error={error} retry={lines.again} /> : null}
      {count === 0 && !error && !lines.isSought ? <Loading lines={10} /> : null}
      {count === 0 && lines.isSought ? (
        <NoLines run={run} narrowed={Boolean(text || level || task || at)} />
      ) : null}
      {count > 0 ? (
        <LogLines
          key={`${isLatest} ${at} ${JSON.stringify(wanted)}`}
          lines={lines}
          words={words}
          isLatest={isLatest}
          following={isFollowing}
          setFollowing={setFollowing}
          hasRuns
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
