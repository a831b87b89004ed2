import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { downloadAddress } from "~/api/logs";
import type { TaskRun } from "~/api/shapes";
import { LogLines } from "~/features/logs/LogLines";
import { useLines } from "~/features/logs/useLines";
import { wordsOf } from "~/model/logs";
import { Card } from "~/parts/Card";
import { Loading } from "~/parts/Loading";
import { SearchField } from "~/parts/SearchField";
import { Trouble } from "~/parts/Trouble";

/** The lines that a task run logged; those of one that runs are followed. */
export function TaskLogs({ run }: { run: TaskRun }) {
  const [text, setText] = useState("");
  const [isLatest] = useState(run.is_open);
  const [following, setFollowing] = useState(true);
  const wanted = useMemo(
    () => ({ flow_run: run.flow_run ?? undefined, task_run: run.id, text: text || undefined }),
    [run.flow_run, run.id, text],
  );
  const isFollowing = following && isLatest && run.is_open;
  const lines = useLines(wanted, isLatest ? "latest" : "start", isFollowing);
  const words = useMemo(() => wordsOf(text), [text]);
  const count = lines.window.end - lines.window.begin + lines.followed.length;
  return (
    <Card
      title="Log lines"
      more={
        <div className="task-logs-tools">
          <SearchField
            name="Words in lines"
            value={text}
            change={setText}
            className="field-small"
          />
          {run.flow_run ? (
            <Link
              to="/runs/$id"
              params={{ id: run.flow_run }}
              search={{ tab: "logs", at: run.started ?? run.created }}
              className="link"
            >
              Lines of all runs around
            </Link>
          ) : null}
          <a className="link" href={downloadAddress(wanted)} download>
            Download
          </a>
        </div>
      }
      flush
    >
      {lines.error ? <Trouble error={lines.error} retry={lines.again} /> : null}
      {count === 0 && !lines.isSought && !lines.error ? <Loading lines={4} /> : null}
      {count === 0 && lines.isSought ? (
        <p className="ends-none muted">{nothing(run, text)}</p>
      ) : null}
      {count > 0 ? (
        <div className={count < 14 ? "task-lines task-lines-few" : "task-lines"}>
          <LogLines
            key={JSON.stringify(wanted)}
            lines={lines}
            words={words}
            isLatest={isLatest}
            following={isFollowing}
            setFollowing={setFollowing}
          />
        </div>
      ) : null}
    </Card>
  );
}

function nothing(run: TaskRun, text: string): string {
  if (text) return "No line holds these words.";
  return run.is_open ? "No line yet." : "This task run logged nothing.";
}
