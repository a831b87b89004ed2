import { infiniteQueryOptions } from "@tanstack/react-query";
import { get, put, remove } from "~/api/client";
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type Variable = Shapes["VariableItem"];

const AT_ONCE = 60;
const LOOK_MS = 10_000; // they change without a word

/** The variables by name: those with a text in their name, and with a tag. */
export function variables(search: string, tag: string) {
  return infiniteQueryOptions({
    queryKey: ["variables", search, tag],
    queryFn: ({ pageParam, signal }) => {
      const query = { search, tag, limit: AT_ONCE, cursor: pageParam };
      return get<Shapes["VariablePage"]>("/variables", query, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: LOOK_MS,
  });
}

/** Set a variable; a new one is refused where there is one of its name. */
export function setVariable(
  name: string,
  value: unknown,
  tags: readonly string[],
  isNew: boolean,
): Promise<Variable> {
  return put(`/variables/${encodeURIComponent(name)}?overwrite=${!isNew}`, { value, tags });
}

export function deleteVariable(name: string): Promise<null> {
  return remove(`/variables/${encodeURIComponent(name)}`);
}
