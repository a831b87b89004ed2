import { Maximize2, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { draw } from "~/features/timeline/draw";
import { timeAt } from "~/features/timeline/drawing";
import { drawLinks, middlesOf, type RunLink } from "~/features/timeline/links";
import { type Palette, paletteOf } from "~/features/timeline/palette";
import { groupText, nextRow, rowText, viewWith } from "~/features/timeline/rows";
import { gutterOf, heightOf, RULER, stack } from "~/features/timeline/scene";
import { type Target, targetAt } from "~/features/timeline/target";
import { useCanvas } from "~/features/timeline/useCanvas";
import { useGestures } from "~/features/timeline/useGestures";
import { pan, type View, wholeView, zoom } from "~/features/timeline/view";
import { tickText } from "~/model/ticks";
import { layRows, type RunColumns } from "~/model/timeline";
import { groupRuns } from "~/model/timelineGroups";
import "./timeline.css";

interface Props {
  readonly columns: RunColumns;
  /** 0 for each run that is left out; null where none is. */
  readonly shown: Uint8Array | null;
  /** Seconds since the flow run's start: now while it runs, else when it ended. */
  readonly now: number;
  readonly isLive: boolean;
  readonly nameOf: (run: number) => string;
  /** What is read out of a run. */
  readonly textOf: (run: number) => string;
  readonly selected: number;
  readonly select: (run: number) => void;
  /** What is drawn as lines between bars: the edges of what is selected. */
  readonly links: readonly RunLink[];
  readonly unfolded: ReadonlySet<number>;
  /** Unfold a task's row, or fold it again. */
  readonly unfold: (task: number) => void;
  /** The flow runs that are unfolded into what they called. */
  readonly opened: ReadonlySet<number>;
  /** Unfold a flow run, or fold it again. */
  readonly open: (run: number) => void;
  readonly card: (run: number) => React.ReactNode;
}

const ROOM = 44; // pixels below the rows, for the tools
const CARD = 250;

/** The task runs of a flow run as bars over time. */
export function Timeline(props: Props) {
  const { columns, shown, now, isLive, nameOf, textOf, selected, select, links, card } = props;
  const { unfolded, unfold, opened, open } = props;
  const [pointed, setPointed] = useState<{ run: number; x: number; y: number } | null>(null);
  const [brushed, setBrushed] = useState<{ from: number; to: number } | null>(null);
  const [cursor, setCursor] = useState(-1);
  const groups = useMemo(() => groupRuns(columns, now, shown), [columns, now, shown]);
  const scene = useMemo(
    () => stack(layRows(columns, groups, unfolded, now, opened)),
    [columns, groups, unfolded, now, opened],
  );
  const middles = useMemo(() => middlesOf(scene, links), [scene, links]);
  const whole = useMemo(() => wholeView(0, Math.max(now, 1e-4)), [now]);
  const [chosen, setView] = useState<View | null>(null);
  const view = chosen ?? whole;
  const palette = useRef<Palette | null>(null);

  const { canvas, size, redraw } = useCanvas((context, { width, height }) => {
    if (canvas.current === null) return;
    palette.current ??= paletteOf(canvas.current.parentElement as HTMLElement);
    const marked = pointed?.run ?? selected;
    const drawing = {
      columns,
      scene,
      view,
      now,
      isLive,
      width,
      height,
      nameOf,
      marked,
      cursor,
      palette: palette.current,
    };
    draw(context, drawing);
    drawLinks(context, drawing, links, middles);
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is drawn has changed
  useEffect(redraw, [scene, view, now, pointed, cursor, selected, links, size]);
  useThemeChange(() => {
    palette.current = null;
    redraw();
  });

  const below = heightOf(scene) + RULER - size.height;
  const target = (x: number, y: number): Target =>
    targetAt({ columns, scene, view, now, width: size.width }, x, y);
  useGestures(canvas, {
    scrolls: below > 0,
    zoom: (factor, x) => setView(zoom(view, factor, timeAt({ view, width: size.width }, x), whole)),
    rulerBelow: RULER,
    brush: (from, to) => setBrushed(to === null ? null : { from, to }),
    pick: (from, to) => {
      setBrushed(null);
      const place = { view, width: size.width };
      const [first, last] = [timeAt(place, Math.min(from, to)), timeAt(place, Math.max(from, to))];
      setView({ ...view, from: first, to: last });
    },
    pan: (dx, dy) => {
      const seconds = (dx / (size.width - gutterOf(size.width))) * (view.to - view.from);
      setView(pan(view, seconds, dy, whole, below));
    },
    point: (x, y) => {
      const { run, group } = target(x, y);
      canvas.current?.classList.toggle("is-over", run >= 0 || group >= 0);
      setPointed(run >= 0 ? { run, x, y } : null);
    },
    leave: () => setPointed(null),
    press: (x, y) => {
      const { run, group, opens } = target(x, y);
      if (group >= 0) unfold(group);
      else if (opens) open(run);
      else if (run >= 0) select(run);
    },
    fit: () => setView(null),
    step: (by) => {
      const next = nextRow(scene, cursor, by);
      setCursor(next);
      if (next >= 0) setView(viewWith(view, scene, next, size.height));
    },
    act: () => {
      const row = scene.rows[cursor];
      if (row?.kind === "group") unfold(row.group.task);
      else if (row?.kind === "run") row.unfolded === null ? select(row.run) : open(row.run);
    },
    blur: () => setCursor(-1),
  });

  const middle = (view.from + view.to) / 2;
  return (
    <div className="timeline">
      <div className="timeline-canvas" style={{ height: heightOf(scene) + RULER + ROOM }}>
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a screen reader lets keys through to an application only */}
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-roledescription="timeline"
          aria-label={describe(groups)}
        />
      </div>
      <p className="hidden-text" role="status">
        {rowText(scene.rows[cursor], textOf)}
      </p>
      {brushed ? (
        <div
          className="timeline-brush"
          style={{
            left: Math.min(brushed.from, brushed.to),
            width: Math.abs(brushed.to - brushed.from),
          }}
        />
      ) : null}
      {pointed ? (
        <div
          className="timeline-card"
          style={{
            left: Math.max(0, Math.min(pointed.x + 14, size.width - CARD)),
            top: pointed.y + 16,
          }}
        >
          {card(pointed.run)}
        </div>
      ) : null}
      <div className="timeline-tools">
        {columns.tries.size > 0 ? <span className="timeline-key">was tried again</span> : null}
        <output className="timeline-span num" aria-label="Shown">
          {chosen ? spanText(chosen) : ""}
        </output>
        <Tool
          name="Zoom in (+)"
          icon={ZoomIn}
          act={() => setView(zoom(view, 0.6, middle, whole))}
        />
        <Tool
          name="Zoom out (−)"
          icon={ZoomOut}
          act={() => setView(zoom(view, 1.6, middle, whole))}
        />
        <Tool name="Show all (0)" icon={Maximize2} act={() => setView(null)} />
      </div>
    </div>
  );
}

function Tool({ name, icon: Icon, act }: { name: string; icon: typeof ZoomIn; act: () => void }) {
  return (
    <button
      type="button"
      className="button button-small"
      title={name}
      aria-label={name}
      onClick={act}
    >
      <Icon size={14} aria-hidden="true" />
    </button>
  );
}

function spanText({ from, to }: View): string {
  const step = (to - from) / 10;
  return `${tickText(Math.max(from, 0), step)} – ${tickText(to, step)}`;
}

function describe(groups: ReturnType<typeof groupRuns>): string {
  const parts = groups.map(groupText).join("; ");
  return `Timeline. ${parts}. Up, down and Enter go through its rows; plus and minus zoom. The tab Task runs has the same as a table.`;
}

function useThemeChange(act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const changed = () => latest.current();
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener("flowstone-theme", changed);
    system.addEventListener("change", changed);
    document.fonts.ready.then(changed); // drawn text does not change by itself when a font arrives
    return () => {
      window.removeEventListener("flowstone-theme", changed);
      system.removeEventListener("change", changed);
    };
  }, []);
}
