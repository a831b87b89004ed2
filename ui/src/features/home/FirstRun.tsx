import { CopyButton } from "~/parts/CopyButton";
import "./first.css";

const CODE = `from flowstone import flow, task

@task
def add(x: int, y: int) -> int:
    return x + y

@flow
def sums(n: int = 20) -> int:
    return sum(add.map(range(n), range(n)).result())

if __name__ == "__main__":
    sums()
`;

const COMMAND = "python sums.py";

/** Where no flow has ever run: how to make the first run. */
export function FirstRun() {
  return (
    <section className="card first" aria-label="The first run">
      <h2>No flow has run yet</h2>
      <p className="muted">
        There is nothing to set up: whatever runs with this home appears here while it runs.
      </p>
      <ol>
        <li>
          <div className="first-head">
            <span>
              Write a flow, as <code>sums.py</code>
            </span>
            <CopyButton text={CODE} name="Copy the code" bare />
          </div>
          <pre>{CODE.trimEnd()}</pre>
        </li>
        <li>
          <div className="first-head">
            <span>Run it like any program</span>
            <CopyButton text={COMMAND} name="Copy the command" bare />
          </div>
          <pre>{COMMAND}</pre>
        </li>
        <li>
          <p>
            It is listed here at once, with its timeline, log lines and results.{" "}
            <code>flowstone flow-run ls</code> shows the same in a terminal.
          </p>
        </li>
      </ol>
    </section>
  );
}
