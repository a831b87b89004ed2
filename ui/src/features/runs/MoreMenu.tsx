import { FilterMenu } from "~/features/runs/FilterMenu";
import type { Change } from "~/features/runs/useRunFilter";
import type { RunFilter } from "~/model/filters";

type YesOrNo = boolean | undefined;

const CALLED = [
  [undefined, "All"],
  [false, "Called by no other run"],
  [true, "Called by another run"],
] as const;
const SEEN = [
  [undefined, "All"],
  [false, "Not looked at yet"],
  [true, "Looked at"],
] as const;

/** Who called them, and whether somebody looked at how they ended. */
export function MoreMenu({ filter, change }: { filter: RunFilter; change: Change }) {
  const { parent, seen, kind } = filter;
  const words = [wordOf(CALLED, parent), wordOf(SEEN, seen)].filter((word) => word !== null);
  return (
    <FilterMenu
      name="More"
      value={words.length > 0 ? words.join(", ") : null}
      clear={() => change({ parent: undefined, seen: undefined })}
    >
      <Choice name="Caller" of={CALLED} value={parent} set={(value) => change({ parent: value })} />
      {kind === "task" ? null : (
        <Choice name="Seen" of={SEEN} value={seen} set={(value) => change({ seen: value })} />
      )}
    </FilterMenu>
  );
}

function Choice({
  name,
  of,
  value,
  set,
}: {
  name: string;
  of: readonly (readonly [YesOrNo, string])[];
  value: YesOrNo;
  set: (value: YesOrNo) => void;
}) {
  return (
    <fieldset className="checks">
      <legend>{name}</legend>
      {of.map(([one, word]) => (
        <label key={word}>
          <input type="radio" name={name} checked={value === one} onChange={() => set(one)} />
          {word}
        </label>
      ))}
    </fieldset>
  );
}

function wordOf(of: readonly (readonly [YesOrNo, string])[], value: YesOrNo): string | null {
  return value === undefined ? null : (of.find(([one]) => one === value)?.[1] ?? null);
}
