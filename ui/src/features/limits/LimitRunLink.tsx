import { Link } from "@tanstack/react-router";
import { limitRunOf } from "~/model/limitRun";

/** The run that holds a slot or waits: where its id is not known, the runs of its name. */
export function LimitRunLink({
  label,
  run,
  count = 1,
}: {
  label: string;
  run: string | null;
  count?: number;
}) {
  const found = limitRunOf(label, run);
  if (!found)
    return (
      <span className={label ? "" : "muted"}>
        {label || (count === 1 ? "one of a process" : `${count} of one process`)}
      </span>
    );
  const { kind, name, id } = found;
  const shown = (
    <>
      {name}
      <span className="muted limit-kind"> {kind} run</span>
    </>
  );
  if (id !== null) {
    return (
      <Link to={kind === "flow" ? "/runs/$id" : "/task-runs/$id"} params={{ id }}>
        {shown}
      </Link>
    );
  }
  return (
    <Link to="/runs" search={{ kind: kind === "task" ? "task" : undefined, name }}>
      {shown}
    </Link>
  );
}
