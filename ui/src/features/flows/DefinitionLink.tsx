import { Link } from "@tanstack/react-router";
import type { Kind } from "~/api/definitions";

/** A flow's or task's name, which leads to its page. */
export function DefinitionLink({
  kind,
  name,
  className = "link",
}: {
  kind: Kind;
  name: string;
  className?: string;
}) {
  return (
    <Link
      to={kind === "flow" ? "/flows/$name" : "/tasks/$name"}
      params={{ name }}
      className={className}
    >
      {name}
    </Link>
  );
}
