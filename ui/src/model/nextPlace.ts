/** Where to go on after a login: a place of this page, never another site. */
export function nextPlace(asked: unknown): string {
  return typeof asked === "string" && /^\/(?![/\\])/.test(asked) ? asked : "/";
}
