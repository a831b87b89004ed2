import { Ban, Trash2, X } from "lucide-react";

/** What can be done with the runs that are selected. */
export function BulkBar({
  count,
  isAll,
  canAll,
  isTask,
  selectAll,
  clear,
  ask,
}: {
  count: number;
  isAll: boolean;
  canAll: boolean;
  isTask: boolean;
  selectAll: () => void;
  clear: () => void;
  ask: (verb: "cancel" | "delete") => void;
}) {
  return (
    <div className="bulk" role="toolbar" aria-label="Selected runs">
      <span aria-live="polite">
        <strong className="num">{isAll ? "All" : count.toLocaleString("en")}</strong>
        {isAll ? " that fit" : " selected"}
      </span>
      {canAll && !isAll ? (
        <button type="button" className="button button-plain button-small" onClick={selectAll}>
          Select all that fit
        </button>
      ) : null}
      <button type="button" className="button button-small" onClick={() => ask("cancel")}>
        <Ban size={13} aria-hidden="true" />
        Cancel
      </button>
      {isTask ? null : (
        <button
          type="button"
          className="button button-small button-danger"
          onClick={() => ask("delete")}
        >
          <Trash2 size={13} aria-hidden="true" />
          Delete
        </button>
      )}
      <button
        type="button"
        className="button button-plain button-small"
        aria-label="Select none"
        onClick={clear}
      >
        <X size={14} aria-hidden="true" />
      </button>
    </div>
  );
}
