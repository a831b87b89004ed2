/** Which tags the runs of a timeline have, and which runs have one of them. */

import type { TimelineRuns } from "~/model/timelineRuns";

export interface TagRuns {
  readonly tag: string;
  readonly runs: number;
}

/** The tags that occur, the most used ones first. */
export function tagsOf({ tags, tagSets }: TimelineRuns): readonly TagRuns[] {
  const sizes = new Uint32Array(tagSets.length);
  for (const set of tags) sizes[set] = (sizes[set] as number) + 1;
  const counts = new Map<string, number>();
  for (const [place, set] of tagSets.entries()) {
    for (const tag of set) counts.set(tag, (counts.get(tag) ?? 0) + (sizes[place] as number));
  }
  const found = [...counts].map(([tag, runs]) => ({ tag, runs }));
  return found.sort((one, other) => other.runs - one.runs || one.tag.localeCompare(other.tag));
}

/** Whether runs differ in their tags: else there is nothing to narrow by. */
export function differInTags({ tagSets }: TimelineRuns): boolean {
  return tagSets.length > 1;
}

/** For each run 1 where it has the tag, 0 where not; null where any will do. */
export function withTag(
  { tags, tagSets }: TimelineRuns,
  tag: string | undefined,
): Uint8Array | null {
  if (tag === undefined) return null;
  const fits = Uint8Array.from(tagSets, (set) => (set.includes(tag) ? 1 : 0));
  return Uint8Array.from(tags, (set) => fits[set] as number);
}
