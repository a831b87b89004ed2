import { useMutation, useQueryClient } from "@tanstack/react-query";
import { revokeToken, type Token } from "~/api/tokens";
import { Ask } from "~/parts/Ask";

/** Asks before a token is revoked. */
export function RevokeToken({ token, close }: { token: Token; close: () => void }) {
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: () => revokeToken(token.id),
    onSuccess: async () => {
      close();
      await queries.invalidateQueries({ queryKey: ["tokens"] });
    },
  });
  return (
    <Ask
      title={`Revoke ${token.name}?`}
      verb="Revoke it"
      no="Keep it"
      isDanger
      act={act}
      close={close}
    >
      <p>
        Whoever shows it is let in no more, within a second, and browsers that logged in with it are
        logged out. There is no way back.
      </p>
    </Ask>
  );
}
