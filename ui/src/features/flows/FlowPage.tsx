import { getRouteApi } from "@tanstack/react-router";
import { DefinitionPage } from "~/features/flows/DefinitionPage";

const route = getRouteApi("/flows/$name");

/** One flow: how its runs went, the newest of them, its versions. */
export function FlowPage() {
  const { name } = route.useParams();
  const navigate = route.useNavigate();
  return (
    <DefinitionPage
      key={name}
      kind="flow"
      name={name}
      days={route.useSearch().days}
      change={(days) => void navigate({ search: { days }, replace: true, resetScroll: false })}
    />
  );
}
