/** What the viewer opened by the search box lately, kept in this browser. */

export interface Place {
  readonly href: string;
  readonly name: string;
  /** What it is: "Flow run", "Task", … */
  readonly kind: string;
  /** The flow or task that it belongs to. */
  readonly of?: string | undefined;
}

const KEY = "flowstone-recent";
const KEPT = 8;

export function recentPlaces(): readonly Place[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter(isPlace).slice(0, KEPT) : [];
  } catch {
    return []; // off limits or damaged: then nothing was opened
  }
}

/** Put a place before the others. */
export function noteRecent(place: Place): void {
  const others = recentPlaces().filter(({ href }) => href !== place.href);
  try {
    localStorage.setItem(KEY, JSON.stringify([place, ...others].slice(0, KEPT)));
  } catch {
    // Storage may be off limits: nothing is remembered then.
  }
}

function isPlace(given: unknown): given is Place {
  const { href, name, kind } = (given ?? {}) as Record<string, unknown>;
  // Only places of this page: what stands in the storage is not to lead elsewhere.
  const isHere = typeof href === "string" && /^\/(?!\/)/.test(href);
  return isHere && typeof name === "string" && typeof kind === "string";
}
