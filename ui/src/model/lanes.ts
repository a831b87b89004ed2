/** Packs runs into lanes, in which no two overlap. */

import { beginOf, endOf, type RunColumns } from "~/model/timeline";

/** Runs in as few lanes as ran at once: each goes to the lowest lane that is free when it starts. */
export function packLanes(columns: RunColumns, runs: Uint32Array, now: number): Uint32Array[] {
  const lanes: number[][] = [];
  const busy = new Heap(); // lanes by the time at which they are free again
  const free = new Heap(); // lanes by their number
  for (const run of runs) {
    const from = beginOf(columns, run);
    while (busy.size > 0 && busy.least <= from) {
      const lane = busy.pop();
      free.push(lane, lane);
    }
    const lane = free.size > 0 ? free.pop() : lanes.push([]) - 1;
    (lanes[lane] as number[]).push(run);
    busy.push(endOf(columns, run, now), lane);
  }
  return lanes.map((lane) => Uint32Array.from(lane));
}

/** A binary heap of values by their keys, the least first. */
class Heap {
  private readonly keys: number[] = [];
  private readonly values: number[] = [];

  get size(): number {
    return this.keys.length;
  }

  get least(): number {
    return this.keys[0] as number;
  }

  push(key: number, value: number): void {
    let at = this.keys.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.keys[parent] as number) <= key) break;
      this.set(at, this.keys[parent] as number, this.values[parent] as number);
      at = parent;
    }
    this.set(at, key, value);
  }

  pop(): number {
    const value = this.values[0] as number;
    const key = this.keys.pop() as number;
    const last = this.values.pop() as number;
    if (this.size === 0) return value;
    let at = 0;
    while (2 * at + 1 < this.size) {
      let child = 2 * at + 1;
      if (child + 1 < this.size && this.key(child + 1) < this.key(child)) child += 1;
      if (this.key(child) >= key) break;
      this.set(at, this.key(child), this.values[child] as number);
      at = child;
    }
    this.set(at, key, last);
    return value;
  }

  private key(at: number): number {
    return this.keys[at] as number;
  }

  private set(at: number, key: number, value: number): void {
    this.keys[at] = key;
    this.values[at] = value;
  }
}
