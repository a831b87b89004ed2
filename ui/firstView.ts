/** What a browser loads before a page shows anything: measured at each build, and bounded. */

import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Compressed bytes of script, for the first view of any page. */
const MOST = 350_000;

/** What is read of the script files that a build makes. */
export interface Script {
  readonly fileName: string;
  readonly name: string;
  readonly code: string;
  readonly isEntry: boolean;
  readonly imports: readonly string[];
  readonly dynamicImports: readonly string[];
}

/** Says what the first view of each page weighs (at log level info); one that is too heavy fails the build. */
export function firstView(): Plugin {
  return {
    name: "first-view",
    apply: "build",
    generateBundle(_, bundle) {
      const scripts = Object.values(bundle).filter((one) => one.type === "chunk");
      const weights = weightsOf(scripts);
      const lines = weights.map(([name, bytes]) => `  ${kilobytes(bytes)}  ${name}`);
      this.info(["Compressed script of the first view:", ...lines].join("\n"));
      const heavy = tooHeavy(weights);
      if (heavy.length > 0) {
        const what = heavy.join(", ");
        this.error(
          `More than ${kilobytes(MOST)} of script before it shows: ${what}. Load it later.`,
        );
      }
    },
  };
}

/** The compressed bytes of each page's first view by its name, the heaviest first. */
export function weightsOf(scripts: readonly Script[]): readonly (readonly [string, number])[] {
  const byFile = new Map(scripts.map((one) => [one.fileName, one]));
  const bytes = new Map(scripts.map((one) => [one.fileName, gzipSync(one.code).length]));
  const entry = scripts.find((one) => one.isEntry);
  if (entry === undefined) throw new Error("The build made no script to begin with.");
  return entry.dynamicImports
    .map((page) => {
      const needed = neededBy([entry.fileName, page], byFile);
      const sum = needed.reduce((total, file) => total + (bytes.get(file) ?? 0), 0);
      return [byFile.get(page)?.name ?? page, sum] as const;
    })
    .sort(([, one], [, other]) => other - one);
}

/** The names of those that weigh more than a first view may. */
export function tooHeavy(weights: readonly (readonly [string, number])[]): readonly string[] {
  return weights.filter(([, bytes]) => bytes > MOST).map(([name]) => name);
}

/** These files and all that they import at once; what is imported when needed is not among them. */
function neededBy(
  files: readonly string[],
  byFile: ReadonlyMap<string, Script>,
): readonly string[] {
  const found = new Set<string>();
  const open = [...files];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    open.push(...(byFile.get(file)?.imports ?? []));
  }
  return [...found];
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`.padStart(8);
}
