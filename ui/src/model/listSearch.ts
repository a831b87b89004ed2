/** What the addresses of the lists beside runs say. */

export const DAYS = [1, 7, 30, 90] as const;
export type Days = (typeof DAYS)[number];

type Given = Readonly<Record<string, unknown>>;

/** Of flows and tasks: part of a name, and over how many days runs are summed up. */
export interface DefinitionSearch {
  readonly search?: string | undefined;
  /** Left out for the usual. */
  readonly days?: Days | undefined;
}

export function definitionSearchOf(given: Given): DefinitionSearch {
  return { search: textOf(given.search), days: DAYS.find((one) => one === Number(given.days)) };
}

/** Of limits: how the names begin, and which one is open. */
export interface LimitSearch {
  readonly prefix?: string | undefined;
  readonly id?: string | undefined;
}

export function limitSearchOf(given: Given): LimitSearch {
  return { prefix: textOf(given.prefix), id: textOf(given.id) };
}

export const ARTIFACT_TYPES = ["table", "markdown", "image", "progress"] as const;

/** Of artifacts: a type, and whether all versions are listed, not only the newest of each key. */
export interface ArtifactSearch {
  /** Part of a key; all versions are not sought in. */
  readonly search?: string | undefined;
  readonly type?: string | undefined;
  readonly all?: true | undefined;
}

export function artifactSearchOf(given: Given): ArtifactSearch {
  const all = given.all === true ? true : undefined;
  return { search: all ? undefined : textOf(given.search), type: textOf(given.type), all };
}

/** Of variables: part of a name, and a tag. */
export interface VariableSearch {
  readonly search?: string | undefined;
  readonly tag?: string | undefined;
}

export function variableSearchOf(given: Given): VariableSearch {
  return { search: textOf(given.search), tag: textOf(given.tag) };
}

function textOf(value: unknown): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : String(value);
}
