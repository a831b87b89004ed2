import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Ban, Trash2 } from "lucide-react";
import { useState } from "react";
import { cancelFlowRun, deleteFlowRun, setFlowRunState } from "~/api/flowRun";
import { type FlowRun, type StateWanted, totalOf } from "~/api/shapes";
import { StateFields } from "~/features/run-detail/StateFields";
import { rerunCommand } from "~/model/rerun";
import { Ask } from "~/parts/Ask";
import { CopyButton } from "~/parts/CopyButton";

type Asked = "" | "cancel" | "delete" | "state";

/** Whether only the run's own process may say how it goes on. */
function isHeld(run: FlowRun): boolean {
  return run.is_open && run.process !== null && run.process.ended === null;
}

/** What can be done about a run; what cannot says why. */
export function RunActions({ run }: { run: FlowRun }) {
  const [asked, setAsked] = useState<Asked>("");
  const command = rerunCommand(run.entrypoint, run.parameters);
  const held = isHeld(run);
  const close = () => setAsked("");
  return (
    <div className="actions">
      <CopyButton text={run.id} name="Copy id" />
      {command ? <CopyButton text={command} name="Copy run command" /> : null}
      <button
        type="button"
        className="button button-small"
        disabled={held}
        title={held ? "Only its process may say how it goes on: cancel it first." : "Set its state"}
        onClick={() => setAsked("state")}
      >
        Set state
      </button>
      <button
        type="button"
        className="button button-small"
        disabled={!run.is_open}
        title={run.is_open ? "Ask its process to cancel it" : "It is over: nothing to cancel."}
        onClick={() => setAsked("cancel")}
      >
        <Ban size={13} aria-hidden="true" />
        Cancel
      </button>
      <button
        type="button"
        className="button button-small button-danger"
        disabled={held}
        title={held ? "It still runs: cancel it first." : "Delete it and all below it"}
        onClick={() => setAsked("delete")}
      >
        <Trash2 size={13} aria-hidden="true" />
        Delete
      </button>
      {asked === "cancel" ? <Cancel run={run} close={close} /> : null}
      {asked === "delete" ? <Delete run={run} close={close} /> : null}
      {asked === "state" ? <SetState run={run} close={close} /> : null}
    </div>
  );
}

interface Question {
  readonly run: FlowRun;
  readonly close: () => void;
}

function useReread(id: string) {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ["flow-run", id] });
}

function Cancel({ run, close }: Question) {
  const reread = useReread(run.id);
  const act = useMutation({
    mutationFn: () => cancelFlowRun(run.id),
    onSuccess: async () => {
      await reread();
      close();
    },
  });
  return (
    <Ask
      title={`Cancel ${run.name}?`}
      verb="Cancel the run"
      no="Keep it running"
      {...{ act, close }}
    >
      <p>Its process is asked to stop; task runs that run now end as Cancelled.</p>
    </Ask>
  );
}

function Delete({ run, close }: Question) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => deleteFlowRun(run.id),
    onSuccess: async () => {
      await navigate({ to: "/runs" });
      queries.removeQueries({ queryKey: ["flow-run", run.id] });
    },
  });
  const count = totalOf(run.task_runs);
  return (
    <Ask
      title={`Delete ${run.name}?`}
      verb="Delete the run"
      no="Keep it"
      isDanger
      {...{ act, close }}
    >
      <p>
        {`The run, its ${count.toLocaleString("en")} task runs, their log lines and artifacts are `}
        {"gone for good. Results in the storage stay."}
      </p>
    </Ask>
  );
}

function SetState({ run, close }: Question) {
  const reread = useReread(run.id);
  const [wanted, setWanted] = useState<StateWanted>({ type: "COMPLETED" });
  const act = useMutation({
    mutationFn: () => setFlowRunState(run.id, wanted),
    onSuccess: async () => {
      await reread();
      close();
    },
  });
  return (
    <Ask
      title={`Set the state of ${run.name}`}
      verb="Set the state"
      no="Leave it"
      {...{ act, close }}
    >
      <StateFields wanted={wanted} change={setWanted} />
    </Ask>
  );
}
