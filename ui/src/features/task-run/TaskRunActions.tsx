import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban } from "lucide-react";
import { useState } from "react";
import type { StateWanted, TaskRun } from "~/api/shapes";
import { cancelTaskRun, setTaskRunState } from "~/api/taskRun";
import { StateFields } from "~/features/run-detail/StateFields";
import { Ask } from "~/parts/Ask";
import { CopyButton } from "~/parts/CopyButton";

/** Whether only the run's own process may say how it goes on. */
function isHeld(run: TaskRun): boolean {
  return run.is_open && run.process !== null && run.process.ended === null;
}

/** What can be done about a task run; what cannot says why. */
export function TaskRunActions({ run }: { run: TaskRun }) {
  const [asked, setAsked] = useState<"" | "cancel" | "state">("");
  const held = isHeld(run);
  const close = () => setAsked("");
  return (
    <div className="actions">
      <CopyButton text={run.id} name="Copy id" />
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
      {asked === "cancel" ? <Cancel run={run} close={close} /> : null}
      {asked === "state" ? <SetState run={run} close={close} /> : null}
    </div>
  );
}

interface Question {
  readonly run: TaskRun;
  readonly close: () => void;
}

function useAct(run: TaskRun, act: () => Promise<unknown>, close: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: async () => {
      queries.removeQueries({ queryKey: ["timeline"] }); // reads ended runs only once
      await queries.invalidateQueries({ queryKey: ["task-run", run.id] });
      close();
    },
  });
}

function Cancel({ run, close }: Question) {
  const act = useAct(run, () => cancelTaskRun(run.id), close);
  return (
    <Ask
      title={`Cancel ${run.name}?`}
      verb="Cancel the task run"
      no="Keep it running"
      {...{ act, close }}
    >
      <p>
        Its process is asked to stop it; whoever waits for its result is told that it was cancelled.
      </p>
    </Ask>
  );
}

function SetState({ run, close }: Question) {
  const [wanted, setWanted] = useState<StateWanted>({ type: "COMPLETED" });
  const act = useAct(run, () => setTaskRunState(run.id, wanted), close);
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
