import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { definitionNames } from "~/api/search";
import { FilterMenu } from "~/features/runs/FilterMenu";
import { shortOf } from "~/features/runs/StateMenu";
import { TokenField } from "~/features/runs/TokenField";
import type { Change } from "~/features/runs/useRunFilter";
import type { RunFilter } from "~/model/filters";

const KINDS = {
  flows: { key: "flow", name: "Flow", fields: "Any of these flows" },
  tasks: { key: "task", name: "Task", fields: "Any of these tasks" },
} as const;

/** Flows or tasks by name; the server's are offered. */
export function DefinitionMenu({
  kind,
  filter,
  change,
}: {
  kind: keyof typeof KINDS;
  filter: RunFilter;
  change: Change;
}) {
  const { key, name, fields } = KINDS[kind];
  const values = filter[key];
  return (
    <FilterMenu
      name={name}
      value={values ? shortOf(values) : null}
      clear={() => change({ [key]: undefined })}
    >
      <Names kind={kind} name={fields} values={values} change={(next) => change({ [key]: next })} />
    </FilterMenu>
  );
}

function Names({
  kind,
  name,
  values,
  change,
}: {
  kind: keyof typeof KINDS;
  name: string;
  values: readonly string[] | undefined;
  change: (values: readonly string[] | undefined) => void;
}) {
  const [text, setText] = useState("");
  const found = useQuery(definitionNames(kind, text));
  const rest = (found.data ?? []).filter((one) => !values?.includes(one)).slice(0, 8);
  return (
    <>
      <TokenField name={name} hint="A name" values={values} change={change} typed={setText} />
      <ul className="offers" aria-label="Known names">
        {rest.map((one) => (
          <li key={one}>
            <button type="button" onClick={() => change([...(values ?? []), one])}>
              {one}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
