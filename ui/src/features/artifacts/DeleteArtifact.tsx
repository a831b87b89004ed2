import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ArtifactItem, deleteArtifact } from "~/api/artifacts";
import { Ask } from "~/parts/Ask";

/** Asks before a version of an artifact is deleted. */
export function DeleteArtifact({ one, close }: { one: ArtifactItem; close: () => void }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => deleteArtifact(one.id),
    onSuccess: async () => {
      // A list from a moment ago would lead back to what is gone.
      queries.removeQueries({ queryKey: ["artifacts"] });
      await navigate({ to: "/artifacts" });
      queries.removeQueries({ queryKey: ["artifact", one.id] });
    },
  });
  return (
    <Ask
      title={`Delete this version of ${one.key ?? "the artifact"}?`}
      verb="Delete it"
      no="Keep it"
      isDanger
      act={act}
      close={close}
    >
      <p>{one.key ? "Other versions stay. " : ""}It is gone for good.</p>
    </Ask>
  );
}
