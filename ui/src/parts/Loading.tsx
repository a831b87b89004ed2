const WIDTHS = ["w60", "w80", "w45", "w70", "w55"];

/** Lines where text will be; said to screen readers once. */
export function Loading({ lines = 5 }: { lines?: number }) {
  return (
    <div className="loading" role="status">
      <span className="hidden-text">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines never change places
        <div key={line} className={`skeleton ${WIDTHS[line % WIDTHS.length]}`} />
      ))}
    </div>
  );
}
