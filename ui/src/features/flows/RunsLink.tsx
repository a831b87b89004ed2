import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Kind } from "~/api/definitions";
import type { StateType } from "~/model/states";

const BAD: readonly StateType[] = ["FAILED", "CRASHED"];

/** Leads to the runs of a flow or task; `bad` to those that went wrong. */
export function RunsLink({
  kind,
  name,
  bad = false,
  className = "link",
  children,
}: {
  kind: Kind;
  name: string;
  bad?: boolean;
  className?: string;
  children: ReactNode;
}) {
  const type = bad ? BAD : undefined;
  return (
    <Link
      to="/runs"
      search={kind === "flow" ? { flow: name, type } : { kind: "task", task: name, type }}
      className={className}
    >
      {children}
    </Link>
  );
}
