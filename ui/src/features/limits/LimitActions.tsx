import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pencil, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { deleteLimit, type LimitDetails, resetLimit } from "~/api/limits";
import { LimitForm } from "~/features/limits/LimitForm";
import { Ask } from "~/parts/Ask";

type Asked = "" | "edit" | "reset" | "delete";

/** What can be done about a limit, each after a question. */
export function LimitActions({ limit, gone }: { limit: LimitDetails; gone: () => void }) {
  const [asked, setAsked] = useState<Asked>("");
  const close = () => setAsked("");
  return (
    <span className="limit-actions">
      <button type="button" className="button button-small" onClick={() => setAsked("edit")}>
        <Pencil size={13} aria-hidden="true" />
        Edit
      </button>
      <button
        type="button"
        className="button button-small"
        title="End the leases on its slots"
        onClick={() => setAsked("reset")}
      >
        <RotateCcw size={13} aria-hidden="true" />
        Reset
      </button>
      <button
        type="button"
        className="button button-small button-danger"
        aria-label={`Delete ${limit.name}`}
        title="Delete it"
        onClick={() => setAsked("delete")}
      >
        <Trash2 size={13} aria-hidden="true" />
      </button>
      {asked === "edit" ? <LimitForm limit={limit} close={close} /> : null}
      {asked === "reset" ? <Reset limit={limit} close={close} /> : null}
      {asked === "delete" ? <Delete limit={limit} close={close} gone={gone} /> : null}
    </span>
  );
}

interface Question {
  readonly limit: LimitDetails;
  readonly close: () => void;
}

function Reset({ limit, close }: Question) {
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => resetLimit(limit.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["limit", limit.id] }),
  });
  if (act.data) {
    const { ended } = act.data;
    return (
      <Ask
        title={`${limit.name} was reset`}
        verb="Done"
        no="Close"
        act={{ mutate: close, isPending: false, error: null }}
        close={close}
      >
        <p>
          {ended === 0
            ? "There was no lease to end."
            : `${ended.toLocaleString("en")} leases ended.`}{" "}
          Slots that processes on the server's machine hold stay theirs until they end.
        </p>
      </Ask>
    );
  }
  return (
    <Ask title={`Reset ${limit.name}?`} verb="Reset it" isDanger act={act} close={close}>
      <p>
        All leases of processes on other machines end, and a rate begins empty. What runs goes on
        and asks anew, so for a moment more may run than the limit says.
      </p>
    </Ask>
  );
}

function Delete({ limit, close, gone }: Question & { gone: () => void }) {
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => deleteLimit(limit.id),
    onSuccess: async () => {
      gone();
      close();
      await queries.invalidateQueries({ queryKey: ["limits"] });
    },
  });
  return (
    <Ask
      title={`Delete ${limit.name}?`}
      verb="Delete it"
      no="Keep it"
      isDanger
      act={act}
      close={close}
    >
      <p>
        Nothing is bounded by it any more
        {limit.waiting > 0
          ? `: the ${limit.waiting.toLocaleString("en")} that wait go on at once`
          : ""}
        .
      </p>
    </Ask>
  );
}
