import { ArrowDownToLine, Download } from "lucide-react";
import { downloadAddress, type LinesWanted } from "~/api/logs";
import type { FlowRun } from "~/api/shapes";
import { useRunSearch } from "~/features/run-detail/useRunSearch";
import { LEVELS } from "~/model/logs";
import { SearchField } from "~/parts/SearchField";

interface Props {
  readonly run: FlowRun;
  readonly wanted: LinesWanted;
  readonly isLatest: boolean;
  readonly following: boolean;
  readonly follow: () => void;
  readonly fromStart: () => void;
  readonly jump: (time: string) => void;
}

/** What narrows the lines, and where in them to look. */
export function LogTools(props: Props) {
  const { run, wanted, isLatest, following } = props;
  const [search, change] = useRunSearch();
  const follows = isLatest && (following || !run.is_open);
  return (
    <div className="tools" role="search" aria-label="Log lines">
      <SearchField
        className="tools-wide"
        name='Words, "phrases", -without'
        value={search.text ?? ""}
        change={(text) => change({ text: text || undefined }, { replace: true })}
      />
      <select
        className="field"
        aria-label="Level"
        value={search.level ?? 0}
        onChange={({ target }) => change({ level: Number(target.value) || undefined })}
      >
        {LEVELS.map(({ level, name }) => (
          <option key={level} value={level}>
            {name}
          </option>
        ))}
      </select>
      <select
        className="field"
        aria-label="Task"
        value={search.task ?? ""}
        onChange={({ target }) => change({ task: target.value || undefined })}
      >
        <option value="">All tasks</option>
        {run.calls.map(({ group, task }) => (
          <option key={group} value={task}>
            {task}
          </option>
        ))}
      </select>
      <input
        className="field"
        type="datetime-local"
        step="1"
        aria-label="Jump to a time"
        title="Jump to a time"
        value={search.at && !isLatest ? localText(search.at) : ""}
        onChange={({ target }) => {
          if (target.value) props.jump(new Date(target.value).toISOString());
        }}
      />
      <span className="tools-end">
        <button
          type="button"
          className="button button-small"
          aria-pressed={!isLatest && !search.at}
          onClick={props.fromStart}
        >
          From the start
        </button>
        <button
          type="button"
          className="button button-small"
          aria-pressed={follows}
          onClick={props.follow}
        >
          <ArrowDownToLine size={13} aria-hidden="true" />
          {run.is_open ? "Follow" : "Latest"}
        </button>
        <a className="button button-small" href={downloadAddress(wanted)} download>
          <Download size={13} aria-hidden="true" />
          <span className="hidden-text">Download the lines</span>
        </a>
      </span>
    </div>
  );
}

/** A time as a field for local times takes it. */
function localText(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
