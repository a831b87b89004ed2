import { useMutation, useQueryClient } from "@tanstack/react-query";
import { deleteVariable, type Variable } from "~/api/variables";
import { Ask } from "~/parts/Ask";

/** Asks before a variable is deleted. */
export function DeleteVariable({ variable, close }: { variable: Variable; close: () => void }) {
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => deleteVariable(variable.name),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["variables"] });
      close();
    },
  });
  return (
    <Ask
      title={`Delete ${variable.name}?`}
      verb="Delete it"
      no="Keep it"
      isDanger
      act={act}
      close={close}
    >
      <p>Programs that read it get their default from then on. Its value is gone for good.</p>
    </Ask>
  );
}
