import { ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import { AT_ONCE, firstUnfolded, kindOf, type TreeRow, treeRows, valueText } from "~/model/tree";
import "./tree.css";

const LONG = 2_000; // characters of a text that are shown until more are asked for

/** A JSON value as a tree that folds; what is folded is not made. */
export function JsonTree({ value, name }: { value: unknown; name: string }) {
  const [unfolded, setUnfolded] = useState(() => firstUnfolded(value));
  const rows = useMemo(() => treeRows(value, unfolded), [value, unfolded]);
  const set = (path: string, count: number) =>
    setUnfolded((before) => new Map(before).set(path, count));
  return (
    <ul className="tree mono" aria-label={name}>
      {rows.map((row) => (
        <li
          key={`${row.path} ${row.rest > 0}`}
          className="tree-row"
          style={{ paddingLeft: 10 + row.depth * 18 }}
        >
          <RowOf
            row={row}
            fold={() => set(row.path, row.isOpen ? 0 : AT_ONCE)}
            more={() => set(row.path, (unfolded.get(row.path) ?? 0) * 4)}
          />
        </li>
      ))}
    </ul>
  );
}

function RowOf({ row, fold, more }: { row: TreeRow; fold: () => void; more: () => void }) {
  if (row.rest > 0) {
    return (
      <button type="button" className="tree-more" onClick={more}>
        {row.rest.toLocaleString("en")} more
      </button>
    );
  }
  const name = row.name === null ? null : <span className="tree-name">{row.name}</span>;
  if (!row.size) {
    return (
      <span className="tree-leaf">
        {name}
        <Leaf value={row.value} />
      </span>
    );
  }
  return (
    <button type="button" className="tree-fold" aria-expanded={row.isOpen} onClick={fold}>
      <ChevronRight size={13} aria-hidden="true" />
      {name}
      <span className="muted">{row.isOpen ? countOf(row) : valueText(row.value)}</span>
    </button>
  );
}

function Leaf({ value }: { value: unknown }) {
  const [isWhole, setWhole] = useState(false);
  const text = valueText(value);
  if (isWhole || text.length <= LONG)
    return <span className={`tree-${kindOf(value)}`}>{text}</span>;
  return (
    <span className={`tree-${kindOf(value)}`}>
      {text.slice(0, LONG)}…{" "}
      <button type="button" className="tree-more" onClick={() => setWhole(true)}>
        {(text.length - LONG).toLocaleString("en")} more characters
      </button>
    </span>
  );
}

function countOf({ value, size }: TreeRow): string {
  const words = Array.isArray(value) ? ["item", "items"] : ["name", "names"];
  return `${size?.toLocaleString("en")} ${size === 1 ? words[0] : words[1]}`;
}
