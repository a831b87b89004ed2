import { TriangleAlert } from "lucide-react";
import { ApiError } from "~/api/client";

/** What went wrong with a request: the server's message and hint, and a button to try again. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof ApiError ? error.hint : "";
  return (
    <div className="trouble" role="alert">
      <TriangleAlert size={18} aria-hidden="true" />
      <div>
        <strong>{message}</strong>
        {hint ? <div className="muted">{hint}</div> : null}
      </div>
      {retry ? (
        <button type="button" className="button button-small" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}
