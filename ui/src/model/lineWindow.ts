/**
 * A window on the lines of a log of any length. What was come across is known by its place; the
 * lines themselves are kept only around what is looked at, and read again when one comes back.
 */

/** Towards newer lines, or back to older ones. */
export type Way = "on" | "back";

export interface LinesRead<Line> {
  readonly items: readonly Line[];
  readonly next: string | null;
}

/** Reads the lines behind a cursor (null: from the window's beginning on), in their order of time
 * when on, newest first when back. */
export type ReadLines<Line> = (way: Way, cursor: string | null) => Promise<LinesRead<Line>>;

interface Chunk<Line> {
  /** How many places the chunk lies from where the window began, counted away from there. */
  readonly from: number;
  readonly size: number;
  readonly cursor: string | null;
  lines: readonly Line[] | null;
}

interface Chain<Line> {
  readonly chunks: Chunk<Line>[];
  size: number;
  next: string | null;
  isDone: boolean;
  isReading: boolean;
}

const KEPT = 16; // chunks whose lines are kept: some thousand lines

export class LineWindow<Line> {
  private readonly chains: Record<Way, Chain<Line>>;
  private readonly listeners = new Set<() => void>();
  private turn = 0;
  /** What went wrong last, until something goes right. */
  error: Error | null = null;

  constructor(
    private readonly read: ReadLines<Line>,
    ways: readonly Way[],
  ) {
    this.chains = { on: chain(!ways.includes("on")), back: chain(!ways.includes("back")) };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Changes whenever something here does. */
  readonly version = (): number => this.turn;

  /** The place of the first line that was come across; the last one is before `end`. */
  get begin(): number {
    return -this.chains.back.size;
  }

  get end(): number {
    return this.chains.on.size;
  }

  hasMore(way: Way): boolean {
    return !this.chains[way].isDone;
  }

  isReading(way: Way): boolean {
    return this.chains[way].isReading;
  }

  /** The line at a place; undefined while it is not here. */
  at(place: number): Line | undefined {
    const { chain, offset } = this.find(place);
    const chunk = chunkAt(chain, offset);
    return chunk?.lines?.[offset - chunk.from];
  }

  /** Read what comes next on a way. */
  async more(way: Way): Promise<void> {
    const chain = this.chains[way];
    if (chain.isDone || chain.isReading) return;
    chain.isReading = true;
    this.tell();
    try {
      const { items, next } = await this.read(way, chain.next);
      if (items.length > 0) {
        const { size: from, next: cursor } = chain;
        chain.chunks.push({ from, size: items.length, cursor, lines: items });
        chain.size += items.length;
      }
      chain.next = next;
      chain.isDone = next === null;
      this.error = null;
    } catch (problem) {
      this.error = problem as Error;
    } finally {
      chain.isReading = false;
      this.tell();
    }
  }

  /** Have the lines from one place to another, and let go of those far from them. */
  look(first: number, last: number): void {
    const wanted = new Set<Chunk<Line>>();
    for (const place of [first, last]) {
      const { chain, offset } = this.find(place);
      const chunk = chunkAt(chain, offset);
      if (chunk) wanted.add(chunk);
    }
    for (const way of ["on", "back"] as const) {
      const chain = this.chains[way];
      const kept = chain.chunks.filter(({ lines }) => lines !== null);
      if (kept.length > KEPT) this.drop(way, kept, (first + last) / 2);
      for (const chunk of chain.chunks) {
        if (chunk.lines === null && wanted.has(chunk)) void this.fill(way, chunk);
      }
    }
  }

  private drop(way: Way, kept: Chunk<Line>[], middle: number): void {
    const { offset } = way === "on" ? { offset: middle } : { offset: -middle - 1 };
    const distance = (chunk: Chunk<Line>) => Math.abs(chunk.from + chunk.size / 2 - offset);
    kept.sort((one, other) => distance(one) - distance(other));
    for (const chunk of kept.slice(KEPT)) chunk.lines = null;
  }

  private async fill(way: Way, chunk: Chunk<Line>): Promise<void> {
    const chain = this.chains[way];
    if (chain.isReading) return;
    chain.isReading = true;
    try {
      const { items } = await this.read(way, chunk.cursor);
      chunk.lines = items.slice(0, chunk.size);
      this.error = null;
    } catch (problem) {
      this.error = problem as Error;
    } finally {
      chain.isReading = false;
      this.tell();
    }
  }

  private find(place: number): { chain: Chain<Line>; offset: number } {
    return place >= 0
      ? { chain: this.chains.on, offset: place }
      : { chain: this.chains.back, offset: -place - 1 };
  }

  private tell(): void {
    this.turn += 1;
    for (const listener of this.listeners) listener();
  }
}

function chain<Line>(isDone: boolean): Chain<Line> {
  return { chunks: [], size: 0, next: null, isDone, isReading: false };
}

function chunkAt<Line>({ chunks, size }: Chain<Line>, offset: number): Chunk<Line> | undefined {
  if (offset < 0 || offset >= size) return undefined;
  let low = 0;
  let high = chunks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((chunks[middle] as Chunk<Line>).from <= offset) low = middle;
    else high = middle - 1;
  }
  return chunks[low];
}
