import { Maximize2, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { GraphNode } from "~/api/shapes";
import { BoxView } from "~/features/graph/BoxView";
import { LinkLines, OwnLines } from "~/features/graph/LinkLines";
import { type Layout, layOut } from "~/features/graph/layout";
import { boxSize } from "~/features/graph/sizes";
import { usePlane } from "~/features/graph/usePlane";
import type { Box, Picture } from "~/model/graph";
import { Loading } from "~/parts/Loading";

interface Props {
  readonly picture: Picture;
  readonly unfolded: ReadonlyMap<string, readonly GraphNode[]>;
  readonly selected: string | undefined;
  /** Unfold a task's box, or fold it again. */
  readonly toggle: (name: string) => void;
  readonly isSingle: boolean;
  readonly setSingle: ((isSingle: boolean) => void) | undefined;
  readonly note: string;
}

const EMPTY: Layout = { width: 1, height: 1, places: new Map(), ways: [] };
const NARROW = 640;

/** Boxes and links on a plane that is moved and zoomed. */
export function GraphView(props: Props) {
  const { picture, unfolded, selected, toggle, note } = props;
  const frame = useRef<HTMLDivElement>(null);
  const drawn = useLayout(picture, unfolded, frame);
  const layout = drawn?.layout ?? EMPTY;
  const { plane, zoom, showAll } = usePlane(frame, layout);
  const shown = drawn?.picture ?? picture;
  return (
    <div className="graph">
      <div
        ref={frame}
        className="graph-frame"
        tabIndex={0}
        role="group"
        aria-label={describe(picture)}
        title=""
      >
        {drawn ? (
          <div
            className="graph-plane"
            style={{
              width: layout.width,
              height: layout.height,
              transform: `translate(${plane.x}px, ${plane.y}px) scale(${plane.scale})`,
            }}
          >
            <LinkLines picture={shown} layout={layout} isFaint={selected !== undefined} />
            {shown.boxes.map((box) => {
              const place = layout.places.get(box.id);
              if (!place) return null;
              return (
                <div
                  key={box.id}
                  className="graph-place"
                  style={{ left: place.x, top: place.y, width: place.width, height: place.height }}
                >
                  <BoxView
                    box={box}
                    loops={shown.loops.get(box.id) ?? 0}
                    runs={drawn.unfolded.get(box.id)}
                    selected={selected}
                    toggle={toggle}
                  />
                </div>
              );
            })}
            <OwnLines
              picture={shown}
              layout={layout}
              unfolded={drawn.unfolded}
              selected={selected}
            />
          </div>
        ) : (
          <Loading lines={6} />
        )}
      </div>
      <Tools {...props} zoom={zoom} showAll={showAll} />
      {note ? <p className="part-note">{note}</p> : null}
    </div>
  );
}

function Tools({
  isSingle,
  setSingle,
  zoom,
  showAll,
}: Props & { zoom: (factor: number) => void; showAll: () => void }) {
  return (
    <div className="graph-tools">
      {setSingle ? (
        <button
          type="button"
          className="button button-small"
          aria-pressed={isSingle}
          title="A box for each run, or one for each task"
          onClick={() => setSingle(!isSingle)}
        >
          Each run
        </button>
      ) : null}
      <button
        type="button"
        className="button button-small"
        title="Zoom in (+)"
        aria-label="Zoom in"
        onClick={() => zoom(1.3)}
      >
        <ZoomIn size={14} aria-hidden="true" />
      </button>
      <button
        type="button"
        className="button button-small"
        title="Zoom out (−)"
        aria-label="Zoom out"
        onClick={() => zoom(1 / 1.3)}
      >
        <ZoomOut size={14} aria-hidden="true" />
      </button>
      <button
        type="button"
        className="button button-small"
        title="Show all (0)"
        aria-label="Show all"
        onClick={showAll}
      >
        <Maximize2 size={14} aria-hidden="true" />
      </button>
    </div>
  );
}

interface Drawn {
  readonly picture: Picture;
  readonly unfolded: ReadonlyMap<string, readonly GraphNode[]>;
  readonly layout: Layout;
}

/**
 * A picture with its layout; the one before as long as a new one is made. Where only states
 * changed, everything stays where it is.
 */
function useLayout(
  picture: Picture,
  unfolded: ReadonlyMap<string, readonly GraphNode[]>,
  frame: { current: HTMLDivElement | null },
): Drawn | null {
  const [made, setMade] = useState<{ shape: string; layout: Layout } | null>(null);
  const last = useRef<Drawn | null>(null);
  const shape = useMemo(() => {
    const boxes = picture.boxes.map((box) => `${box.id} ${unfolded.get(box.id)?.length ?? 0}`);
    const links = picture.links.map(({ from, to, calls }) => `${from} ${to} ${calls}`);
    return [...boxes, ...links].join("\n");
  }, [picture, unfolded]);
  const latest = useRef({ picture, unfolded });
  latest.current = { picture, unfolded };
  useEffect(() => {
    let isOver = false;
    const { picture, unfolded } = latest.current;
    const boxes = new Map<string, Box>(picture.boxes.map((box) => [box.id, box]));
    const size = (id: string) => {
      const box = boxes.get(id) as Box;
      const runs = unfolded.get(id)?.length ?? 0;
      return boxSize(box, runs, runs > 0 && runs < box.runs);
    };
    const isNarrow = (frame.current?.clientWidth ?? NARROW) < NARROW;
    void layOut(picture, size, isNarrow ? "TB" : "LR").then((layout) => {
      if (!isOver) setMade({ shape, layout });
    });
    return () => {
      isOver = true;
    };
  }, [shape, frame]);
  if (made?.shape === shape) last.current = { picture, unfolded, layout: made.layout };
  return last.current;
}

function describe(picture: Picture): string {
  const parts = picture.boxes
    .slice(0, 20)
    .map(({ name, runs }) => `${name}: ${runs} ${runs === 1 ? "run" : "runs"}`);
  return `Graph. ${parts.join("; ")}. Arrows move it, plus and minus zoom, 0 shows all.`;
}
