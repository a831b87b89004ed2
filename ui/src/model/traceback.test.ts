import { expect, test } from "vitest";
import { lastWords, tracebackParts } from "~/model/traceback";

const TEXT = `Traceback (most recent call last):
  File "/home/ana/etl.py", line 14, in load
    rows = json.loads(text)
           ^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  File "/usr/lib/python3.11/json/decoder.py", line 337, in decode
    obj, end = self.raw_decode(s)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/ana/etl.py", line 16, in load
    raise ValueError("no rows") from error
ValueError: no rows`;

test("library frames that follow each other are one part, the user's stand alone", () => {
  const kinds = tracebackParts(TEXT).map(({ kind }) => kind);
  expect(kinds).toEqual(["words", "own", "library", "words", "own", "words"]);
});

test("a frame has its source line and the marks below it, without the indent", () => {
  const [, own, library] = tracebackParts(TEXT);
  expect(own).toMatchObject({
    frame: { line: 14, name: "load", code: "rows = json.loads(text)\n       ^^^^^^^^^^^^^^^^" },
  });
  expect(library?.kind === "library" && library.frames.length).toBe(2);
});

test("the last words are the error", () => {
  expect(lastWords(tracebackParts(TEXT))).toBe("ValueError: no rows");
});

test("a text that is no traceback is shown as it is", () => {
  expect(tracebackParts("all is lost\n  really")).toEqual([
    { kind: "words", text: "all is lost\n  really" },
  ]);
});

test("a syntax error's place, which has no function, is a frame too", () => {
  const parts = tracebackParts(
    '  File "/home/ana/x.py", line 3\n    a = =\n        ^\nSyntaxError: bad',
  );
  expect(parts[0]).toMatchObject({ kind: "own", frame: { line: 3, name: "" } });
});
