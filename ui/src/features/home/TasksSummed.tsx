import { Link } from "@tanstack/react-router";
import type { Dashboard } from "~/api/shapes";
import { duration } from "~/model/times";
import { Card } from "~/parts/Card";

const SHOWN = 10;

/** How long the tasks with the most runs take, and how often they fail. */
export function TasksSummed({ tasks }: { tasks: Dashboard["tasks"] }) {
  if (tasks.length === 0) return null;
  return (
    <Card title="Durations by task" flush>
      <table className="table home-tasks">
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col" className="right">
              Runs
            </th>
            <th scope="col" className="right">
              Failed
            </th>
            <th scope="col" className="right">
              p50
            </th>
            <th scope="col" className="right">
              p95
            </th>
          </tr>
        </thead>
        <tbody>
          {tasks.slice(0, SHOWN).map((one) => (
            <tr key={one.task}>
              <td>
                <Link to="/tasks/$name" params={{ name: one.task }} className="home-name">
                  {one.task}
                </Link>
              </td>
              <td className="right">{one.runs.toLocaleString("en")}</td>
              <td className="right">
                {one.failed > 0 ? (
                  <span className="home-bad">{shareOf(one.failure_rate)}</span>
                ) : (
                  <span className="muted">–</span>
                )}
              </td>
              <td className="right">{duration(one.p50_seconds)}</td>
              <td className="right">{duration(one.p95_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function shareOf(rate: number | null): string {
  if (rate === null) return "";
  const percent = 100 * rate;
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}
