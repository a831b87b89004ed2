/** A traceback, folded away unless `isOpen`. */
export function Traceback({ text, of, isOpen }: { text: string; of: string; isOpen?: boolean }) {
  return (
    <details className="traceback" open={isOpen}>
      <summary>Traceback of {of}</summary>
      {/* Long lines scroll by keyboard too. */}
      <pre tabIndex={0}>{text}</pre>
    </details>
  );
}
