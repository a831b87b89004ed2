import { expect, test } from "vitest";
import { withPage } from "~/model/runPages";

const page = (ids: string, next: string | null) => ({
  items: [...ids].map((id) => ({ id })),
  next,
});
const list = { pages: [page("hgf", "f"), page("edc", "c")], pageParams: [null, "f"] };
const ids = (found: { pages: readonly { items: readonly { id: string }[] }[] }) =>
  found.pages.map(({ items }) => items.map(({ id }) => id).join("")).join("|");

test("new runs stand at the top, and those below stay where they are", () => {
  const found = withPage(list, 0, page("kihgfe", "e"), 6);
  expect(ids(found)).toBe("kihgf|edc");
  expect(found.pages[0]?.next).toBe("f");
});

test("a run that does not fit any more is gone from its page", () => {
  expect(ids(withPage(list, 0, page("hfedcb", "b"), 6))).toBe("hf|edc");
  expect(ids(withPage(list, 0, page("", null), 6))).toBe("|edc");
});

test("where more is new than a page holds, what was below is read on anew", () => {
  const found = withPage(list, 0, page("zyxwvu", "u"), 6);
  expect(ids(found)).toBe("zyxwvu");
  expect(found.pageParams).toEqual([null]);
  expect(found.pages[0]?.next).toBe("u");
});

test("the last page takes what is fresh as it is", () => {
  const found = withPage(list, 1, page("edcba", null), 6);
  expect(ids(found)).toBe("hgf|edcba");
  expect(found.pages[1]?.next).toBeNull();
});

test("a page that is not there any more is left alone", () => {
  expect(withPage(list, 5, page("a", null), 6)).toBe(list);
});
