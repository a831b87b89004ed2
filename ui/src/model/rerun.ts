/** The command that runs a flow again with the same parameters; null where its code is not known. */
export function rerunCommand(
  entrypoint: string | null,
  parameters: Readonly<Record<string, unknown>>,
): string | null {
  if (!entrypoint) return null;
  const given = Object.entries(parameters).map(
    ([name, value]) => `-p ${quoted(`${name}=${valueText(value)}`)}`,
  );
  return ["flowstone run", quoted(entrypoint), ...given].join(" ");
}

/** A text goes bare unless it would be read as JSON. */
function valueText(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  try {
    JSON.parse(value);
    return JSON.stringify(value);
  } catch {
    return value; // not JSON, so it is taken as the text that it is
  }
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
