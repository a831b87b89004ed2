import { expect, test } from "vitest";
import { csvOf } from "~/model/csv";

test("what separates cells is quoted, quotes are doubled, nothing is nothing", () => {
  expect(csvOf([["a,b", 'say "x"', "two\nlines", null, undefined, 0.5, true]])).toBe(
    '"a,b","say ""x""","two\nlines",,,0.5,true\r\n',
  );
});

test("no text of a run is a formula in a spreadsheet", () => {
  expect(csvOf([['=HYPERLINK("http://x")', "@a", "-1", -1]])).toBe(
    `"'=HYPERLINK(""http://x"")",'@a,'-1,-1\r\n`,
  );
});
