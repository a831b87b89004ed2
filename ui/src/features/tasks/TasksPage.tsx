import { getRouteApi } from "@tanstack/react-router";
import { DefinitionList } from "~/features/flows/DefinitionList";

const route = getRouteApi("/tasks");

/** The tasks by name. */
export function TasksPage() {
  const navigate = route.useNavigate();
  return (
    <DefinitionList
      kind="task"
      search={route.useSearch()}
      change={(changes) => {
        void navigate({ search: (before) => ({ ...before, ...changes }), replace: true });
      }}
    />
  );
}
