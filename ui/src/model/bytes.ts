const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** "512 bytes", "4.2 MiB". */
export function bytesText(size: number): string {
  const power = size < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(size) / 10));
  const shown = size / 1024 ** power;
  return `${power === 0 ? shown : shown.toFixed(shown < 99.95 ? 1 : 0)} ${UNITS[power]}`;
}
