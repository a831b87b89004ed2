import { memo } from "react";
import type { Line } from "~/api/shapes";
import { RunLink } from "~/features/run-detail/RunLink";
import { levelName, piecesOf } from "~/model/logs";
import { clock, exact } from "~/model/times";

/** One line: when, how grave, of which run (`hasRun`, within a flow run's page), what. */
export const LogRow = memo(function LogRow({
  line,
  words,
  hasRun,
}: {
  line: Line;
  words: readonly string[];
  hasRun: boolean;
}) {
  const level = levelName(line.level);
  return (
    <div className={`line line-${level.toLowerCase()} ${hasRun ? "" : "line-alone"}`}>
      <time dateTime={line.at} title={exact(line.at)}>
        {clock(line.at)}
      </time>
      <span className="line-level">{level}</span>
      {hasRun ? (
        <span className="line-run">
          {line.task_run ? (
            <RunLink to={{ tab: undefined, run: line.task_run }} className="line-link">
              {line.task_run_name ?? "task run"}
            </RunLink>
          ) : (
            <span className="muted">flow</span>
          )}
        </span>
      ) : null}
      <span className="line-text">
        {piecesOf(line.message, words).map(({ from, text, hit }) =>
          hit ? <mark key={from}>{text}</mark> : text,
        )}
      </span>
    </div>
  );
});
