/**
 * Pages of a list that changes while it is read on: one of them read anew takes its old one's place,
 * so that a list of a hundred pages costs one request when something happens, not a hundred.
 */

export interface PageOf<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface Pages<Item, Each extends PageOf<Item>> {
  readonly pages: readonly Each[];
  /** The cursor of each page; null for the first. */
  readonly pageParams: readonly (string | null)[];
}

/**
 * The pages with `place` read anew as `fresh`, behind the same cursor with up to `asked` items. Ids
 * sort as their runs were created; the newest comes first. What later pages hold stays theirs.
 */
export function withPage<Item extends { readonly id: string }, Each extends PageOf<Item>>(
  list: Pages<Item, Each>,
  place: number,
  fresh: Each,
  asked: number,
): Pages<Item, Each> {
  const old = list.pages[place];
  if (!old) return list;
  const later = list.pages.slice(place + 1);
  const upper = later.find((page) => page.items.length > 0)?.items[0]?.id ?? "";
  const last = fresh.items.at(-1)?.id ?? "";
  const isApart = later.length > 0 && fresh.items.length >= asked && last > upper;
  if (isApart || later.length === 0) {
    // So much is new that the page does not reach the next one: what was below is read on anew.
    return {
      pages: [...list.pages.slice(0, place), fresh],
      pageParams: list.pageParams.slice(0, place + 1),
    };
  }
  const items = fresh.items.filter(({ id }) => id > upper);
  const joined = { ...fresh, items, next: old.next };
  return { ...list, pages: list.pages.with(place, joined) };
}
