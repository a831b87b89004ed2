import { getRouteApi } from "@tanstack/react-router";
import { DefinitionPage } from "~/features/flows/DefinitionPage";

const route = getRouteApi("/tasks/$name");

/** One task: how its runs went, the newest of them, its versions. */
export function TaskPage() {
  const { name } = route.useParams();
  const navigate = route.useNavigate();
  return (
    <DefinitionPage
      key={name}
      kind="task"
      name={name}
      days={route.useSearch().days}
      change={(days) => void navigate({ search: { days }, replace: true, resetScroll: false })}
    />
  );
}
