import { getRouteApi } from "@tanstack/react-router";
import { DefinitionList } from "~/features/flows/DefinitionList";

const route = getRouteApi("/flows");

/** The flows by name. */
export function FlowsPage() {
  const navigate = route.useNavigate();
  return (
    <DefinitionList
      kind="flow"
      search={route.useSearch()}
      change={(changes) => {
        void navigate({ search: (before) => ({ ...before, ...changes }), replace: true });
      }}
    />
  );
}
