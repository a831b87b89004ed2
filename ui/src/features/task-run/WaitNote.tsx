import { Link } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";
import type { TaskRun } from "~/api/shapes";
import { InputLink } from "~/features/task-run/Neighbours";
import { isStateType, OVER } from "~/model/states";

/** What an open run that does not run waits for; nothing where it runs, or is over. */
export function WaitNote({ run }: { run: TaskRun }) {
  if (!run.is_open || run.state.type === "RUNNING") return null;
  const message = run.state.message;
  const givers = run.upstream.filter(
    ({ state }) => state !== null && isStateType(state.type) && !OVER.has(state.type),
  );
  if (!message && givers.length === 0 && run.scheduled === null) return null;
  return (
    <section className="wait-note" aria-label="What it waits for" aria-live="polite">
      <Hourglass size={16} aria-hidden="true" />
      <div>
        <strong>{message ?? "It waits for the runs whose results it takes."}</strong>
        {message?.startsWith("Queued: limit") ? (
          <Link to="/limits" className="link">
            Who holds it
          </Link>
        ) : null}
        {givers.length > 0 ? (
          <ul>
            {givers.slice(0, 10).map((end) => (
              <li key={`${end.name} ${end.run}`}>
                <InputLink end={end} />
              </li>
            ))}
          </ul>
        ) : null}
      </div>
    </section>
  );
}
