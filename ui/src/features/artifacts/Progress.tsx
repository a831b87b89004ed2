/** How many percent are done. */
export function Progress({ data, isLarge = false }: { data: string; isLarge?: boolean }) {
  const percent = Number(data);
  if (data.trim() === "" || Number.isNaN(percent)) return <span className="muted">{data}</span>;
  const shown = Number.isInteger(percent) ? String(percent) : percent.toFixed(1);
  return (
    <span className={`percent ${isLarge ? "percent-large" : ""}`}>
      <progress max={100} value={percent} aria-label="Done" />
      <span className="num">{shown} %</span>
    </span>
  );
}
