import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight } from "lucide-react";
import { useRef } from "react";
import { RunLink } from "~/features/run-detail/RunLink";
import { badOf, type TaskGroup, tableRows } from "~/model/taskTable";
import { beginOf, endOf } from "~/model/timeline";
import { type TimelineRuns, typeOf } from "~/model/timelineRuns";
import { duration, exact } from "~/model/times";
import { StateBadge } from "~/parts/StateBadge";
import { StateBar } from "~/parts/StateBar";

interface Props {
  readonly runs: TimelineRuns;
  readonly groups: readonly TaskGroup[];
  readonly now: number;
  readonly open: ReadonlySet<string>;
  readonly selected: string | undefined;
  readonly toggle: (task: string) => void;
}

const ROW = 36;

/** Tasks with their runs below them where they are unfolded; only the rows in view are there. */
export function TaskTable(props: Props) {
  const { runs, groups, open } = props;
  const rows = tableRows(groups, open);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  return (
    <div className="task-scroller" ref={scroller}>
      <div
        className="task-table"
        role="table"
        aria-label="Task runs"
        aria-rowcount={rows.length + 1}
      >
        <div className="task-row task-head" role="row">
          <span role="columnheader">Task</span>
          <span role="columnheader">States</span>
          <span role="columnheader">p50 · took</span>
          <span role="columnheader">p95</span>
          <span role="columnheader">Began after</span>
        </div>
        <div role="rowgroup" className="task-rows" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows[index] as number;
            return (
              <div
                key={row < 0 ? groups[-row - 1]?.name : runs.ids[row]}
                className={`task-row ${row < 0 ? "task-group" : "task-run"}`}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={row >= 0 && runs.ids[row] === props.selected}
                style={{ transform: `translateY(${start}px)` }}
              >
                {row < 0 ? (
                  <GroupCells {...props} group={groups[-row - 1] as TaskGroup} />
                ) : (
                  <RunCells {...props} run={row} />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function GroupCells({ group, open, toggle }: Props & { group: TaskGroup }) {
  const isOpen = open.has(group.name);
  const bad = badOf(group);
  return (
    <>
      <span role="cell">
        <button
          type="button"
          className="task-toggle"
          aria-expanded={isOpen}
          onClick={() => toggle(group.name)}
        >
          <ChevronRight size={14} aria-hidden="true" />
          <strong>{group.name}</strong>
          <span className="muted num">×{group.runs.length.toLocaleString("en")}</span>
        </button>
      </span>
      <span role="cell" className="task-states">
        <StateBar counts={group.states} />
        <span className={bad ? "task-bad num" : "muted num"}>
          {bad ? `${bad.toLocaleString("en")} failed` : ""}
        </span>
      </span>
      <span role="cell" className="num">
        {duration(group.p50)}
      </span>
      <span role="cell" className="num">
        {duration(group.p95)}
      </span>
      <span role="cell" className="num muted">
        {duration(group.began)}
      </span>
    </>
  );
}

function RunCells({ runs, run, now }: Props & { run: number }) {
  const { columns } = runs;
  const begin = beginOf(columns, run);
  const at = exact(runs.origin + begin * 1000);
  return (
    <>
      <span role="cell">
        <RunLink to={{ run: runs.ids[run] }} className="task-name">
          {runs.names[run]}
        </RunLink>
      </span>
      <span role="cell">
        <StateBadge type={typeOf(columns, run)} name={runs.stateNames[run] ?? null} />
      </span>
      <span role="cell" className="num">
        {duration(endOf(columns, run, now) - begin)}
      </span>
      <span role="cell" />
      <span role="cell" className="num muted" title={at}>
        {duration(begin)}
      </span>
    </>
  );
}
