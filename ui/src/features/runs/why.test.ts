import { expect, test } from "vitest";
import { whyOf } from "~/features/runs/why";

const state = (type: string, message: string | null) => ({ type, name: type, message });

test("why a run went wrong is the last line of its error", () => {
  const message = "Flow run encountered an exception: ExceptionGroup: two\n  ValueError: x  \n";
  expect(whyOf({ state: state("FAILED", message), verdict: null })).toBe("ValueError: x");
  expect(whyOf({ state: state("FAILED", null), verdict: null })).toBeNull();
});

test("a run whose process died says so, one that did not go wrong says nothing", () => {
  expect(whyOf({ state: state("CRASHED", "…"), verdict: "died" })).toBe("Its process died.");
  expect(whyOf({ state: state("COMPLETED", "ValueError"), verdict: null })).toBeNull();
});
