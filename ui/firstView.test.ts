import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { type Script, tooHeavy, weightsOf } from "./firstView.ts";

/** A script that cannot be compressed to much less than half of its size. */
function script(name: string, kilobytes: number, more: Partial<Script> = {}): Script {
  const code = randomBytes(kilobytes * 500).toString("hex");
  const file = { fileName: `${name}.js`, name, code, isEntry: false };
  return { ...file, imports: [], dynamicImports: [], ...more };
}

test("a first view is the entry, the page and what both import, each once", () => {
  const scripts = [
    script("main", 100, {
      isEntry: true,
      imports: ["react.js"],
      dynamicImports: ["home.js", "run.js"],
    }),
    script("react", 100),
    script("home", 10, { imports: ["react.js", "main.js"], dynamicImports: ["chart.js"] }),
    script("run", 100, { imports: ["deep.js"] }),
    script("deep", 100, { imports: ["deeper.js"] }),
    script("deeper", 100),
    script("chart", 900),
  ];
  const weights = new Map(weightsOf(scripts));
  expect([...weights.keys()]).toEqual(["run", "home"]);
  expect(weights.get("home")).toBeGreaterThan(105_000);
  expect(weights.get("home")).toBeLessThan(150_000);
  expect(weights.get("run")).toBeGreaterThan(250_000);
});

test("a page that loads more than 350 kB before it shows anything is named", () => {
  const scripts = [
    script("main", 300, { isEntry: true, dynamicImports: ["home.js", "run.js"] }),
    script("home", 20),
    script("run", 500),
  ];
  expect(tooHeavy(weightsOf(scripts))).toEqual(["run"]);
});
