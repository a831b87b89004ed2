import type { RunResult, TaskRun } from "~/api/shapes";
import { duration } from "~/model/times";
import { Card } from "~/parts/Card";
import { CopyButton } from "~/parts/CopyButton";
import { Ago } from "~/parts/Time";

/** Whether the result was there already, and why not; where it is kept. */
export function CacheCard({ run }: { run: TaskRun }) {
  const { result } = run;
  const command = `flowstone cache why ${run.id}`;
  return (
    <Card title="Result and cache">
      {result === null ? (
        <p className="muted">{nothing(run)}</p>
      ) : (
        <div className="cache">
          <p className={result.is_hit ? "cache-hit" : ""}>{verdict(result)}</p>
          <dl className="details-list">
            {result.key ? (
              <>
                <dt>Key</dt>
                <dd className="mono cache-key">
                  {result.key} <CopyButton text={result.key} name="Copy the key" bare />
                </dd>
              </>
            ) : null}
            {result.is_kept ? (
              <>
                <dt>Kept in</dt>
                <dd className="mono">{result.place}</dd>
              </>
            ) : null}
            <dt>{result.is_hit ? "Looked up" : "Made"}</dt>
            <dd>
              <Ago at={result.at} />
            </dd>
          </dl>
          {result.key && !result.is_hit ? (
            <div className="what-to-do">
              <span>What changed since the last hit:</span>
              <code>{command}</code>
              <CopyButton text={command} name="Copy the command" bare />
            </div>
          ) : null}
        </div>
      )}
    </Card>
  );
}

function nothing(run: TaskRun): string {
  if (run.is_open) return "Nothing is kept so far.";
  if (run.state.type !== "COMPLETED") return "It came to no result.";
  return "Its result was not kept: the task asks neither for a cache nor for persistence.";
}

function verdict(result: RunResult): string {
  if (result.is_hit) {
    return `Hit: the result was there already, and saved ${duration(result.seconds)}.`;
  }
  if (result.reason) return `Miss: ${result.reason}`;
  return result.key ? "Miss: nothing was kept under its key yet." : "Kept, not looked up before.";
}
