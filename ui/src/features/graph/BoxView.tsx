import { Link } from "@tanstack/react-router";
import { ChevronRight, Workflow } from "lucide-react";
import { memo } from "react";
import type { GraphNode } from "~/api/shapes";
import { cellsOf } from "~/features/graph/sizes";
import { RunLink } from "~/features/run-detail/RunLink";
import type { Box } from "~/model/graph";
import { BAD, isStateType, lookOf, type StateType } from "~/model/states";
import { duration, secondsFrom } from "~/model/times";
import { byType, StateBar } from "~/parts/StateBar";
import { StateMark } from "~/parts/StateMark";

interface Props {
  readonly box: Box;
  readonly loops: number;
  readonly runs: readonly GraphNode[] | undefined;
  readonly selected: string | undefined;
  readonly toggle: (name: string) => void;
}

/** A task with the states of its runs, unfolded into them where `runs` are given; or a run. */
export const BoxView = memo(function BoxView({ box, loops, runs, selected, toggle }: Props) {
  if (box.run) return <Single run={box.run} isSelected={box.run.id === selected} />;
  const bad = byType(box.states)
    .filter(({ type }) => isStateType(type) && BAD.has(type))
    .reduce((sum, one) => sum + one.runs, 0);
  const words = byType(box.states)
    .map((one) => `${one.runs.toLocaleString("en")} ${lookOf(one.type).name.toLowerCase()}`)
    .join(", ");
  return (
    <div className={`box ${bad ? "box-bad" : ""} ${runs ? "box-open" : ""}`}>
      <button
        type="button"
        className="box-head"
        aria-expanded={runs !== undefined}
        title={`${box.name}: ${words}`}
        onClick={() => toggle(box.name)}
      >
        <ChevronRight size={14} aria-hidden="true" />
        {box.kind === "flow" ? <Workflow size={13} aria-hidden="true" /> : null}
        <strong>{box.name}</strong>
        <span className="muted num">×{box.runs.toLocaleString("en")}</span>
        {loops > 0 ? (
          <span className="muted num" title={`${loops} results go to other runs of it`}>
            ↻{loops.toLocaleString("en")}
          </span>
        ) : null}
        <span className="box-time muted num">{spanOf(box)}</span>
      </button>
      <div className="box-states">
        <StateBar counts={box.states} />
        {bad ? <span className="task-bad num">{bad.toLocaleString("en")} failed</span> : null}
      </div>
      {runs ? <Cells box={box} runs={runs} selected={selected} /> : null}
    </div>
  );
});

function Cells({
  box,
  runs,
  selected,
}: {
  box: Box;
  runs: readonly GraphNode[];
  selected: string | undefined;
}) {
  const { columns, width, height, hasNames } = cellsOf(runs.length);
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrows move the focus among its links */}
      <div
        className={hasNames ? "cells cells-named" : "cells"}
        style={{ gridTemplateColumns: `repeat(${columns}, ${width}px)`, gridAutoRows: height }}
        onKeyDown={(event) => moveFocus(event, columns)}
      >
        {runs.map((run, place) => (
          <Cell
            key={run.id}
            run={run}
            hasName={hasNames}
            isSelected={run.id === selected}
            isFirst={place === 0}
          />
        ))}
      </div>
      {runs.length < box.runs ? (
        <RunLink to={{ tab: "task-runs", open: [box.name] }} className="cells-more">
          The first {runs.length.toLocaleString("en")}; all {box.runs.toLocaleString("en")} in a
          table
        </RunLink>
      ) : null}
    </>
  );
}

/** The arrows go from cell to cell; Tab, which would take a thousand steps, leaves the grid. */
function moveFocus(event: React.KeyboardEvent<HTMLElement>, columns: number): void {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
  };
  const step = steps[event.key];
  if (step === undefined) return;
  const all = [...event.currentTarget.children] as HTMLElement[];
  const at = all.indexOf(document.activeElement as HTMLElement);
  event.preventDefault();
  event.stopPropagation();
  all[at + step]?.focus();
}

const Cell = memo(function Cell({
  run,
  hasName,
  isSelected,
  isFirst,
}: {
  run: GraphNode;
  hasName: boolean;
  isSelected: boolean;
  isFirst: boolean;
}) {
  const type = typeOf(run);
  const inner = (
    <>
      <StateMark type={type} size={11} />
      {hasName ? <span>{run.name}</span> : <span className="hidden-text">{run.name}</span>}
    </>
  );
  const look = {
    className: `cell ${isSelected ? "cell-selected" : ""}`,
    title: `${run.name}: ${run.state.name}`,
    tabIndex: isFirst ? 0 : -1,
  };
  if (run.kind === "flow") {
    return (
      <Link to="/runs/$id" params={{ id: run.id }} {...look}>
        {inner}
      </Link>
    );
  }
  return (
    <RunLink to={{ run: run.id }} {...look}>
      {inner}
    </RunLink>
  );
});

function Single({ run, isSelected }: { run: GraphNode; isSelected: boolean }) {
  const type = typeOf(run);
  const took = run.started && run.ended ? secondsFrom(run.started, run.ended) : null;
  const inner = (
    <>
      <StateMark type={type} size={14} />
      <strong>{run.name}</strong>
      <span className="box-time muted num">{took === null ? "" : duration(took)}</span>
    </>
  );
  const look = {
    className: `box box-single ${BAD.has(type) ? "box-bad" : ""} ${isSelected ? "box-selected" : ""}`,
    title: `${run.name}: ${run.state.name}`,
  };
  if (run.kind === "flow") {
    return (
      <Link to="/runs/$id" params={{ id: run.id }} {...look}>
        {inner}
      </Link>
    );
  }
  return (
    <RunLink to={{ run: run.id }} {...look}>
      {inner}
    </RunLink>
  );
}

function typeOf(run: GraphNode): StateType {
  return isStateType(run.state.type) ? run.state.type : "PENDING";
}

function spanOf({ began, ended }: Box): string {
  return began === null || ended === null ? "" : duration((ended - began) / 1000);
}
