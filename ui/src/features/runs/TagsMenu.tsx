import { FilterMenu } from "~/features/runs/FilterMenu";
import { shortOf } from "~/features/runs/StateMenu";
import { TokenField } from "~/features/runs/TokenField";
import type { Change } from "~/features/runs/useRunFilter";
import type { RunFilter } from "~/model/filters";

/** Tags that a run has all of, any of, none of. */
export function TagsMenu({ filter, change }: { filter: RunFilter; change: Change }) {
  const { tag, any, none } = filter;
  const words = [...(tag ?? []), ...(any ?? []), ...(none ?? []).map((one) => `not ${one}`)];
  return (
    <FilterMenu
      name="Tags"
      value={words.length > 0 ? shortOf(words) : null}
      clear={() => change({ tag: undefined, any: undefined, none: undefined })}
    >
      <TokenField
        name="All of"
        hint="nightly"
        values={tag}
        change={(values) => change({ tag: values })}
      />
      <TokenField
        name="Any of"
        hint="db, api"
        values={any}
        change={(values) => change({ any: values })}
      />
      <TokenField
        name="None of"
        hint="test"
        values={none}
        change={(values) => change({ none: values })}
      />
    </FilterMenu>
  );
}
