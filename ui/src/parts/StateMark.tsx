import { LOOKS, type StateType } from "~/model/states";
import "./state.css";

/** The mark of a state: a shape of its own for each type, so that colour is never all there is. */
export function StateMark({ type, size = 14 }: { type: StateType; size?: number }) {
  return (
    <svg
      className={`mark mark-${LOOKS[type].tone}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {SHAPES[type]}
    </svg>
  );
}

const DISC = <circle cx="8" cy="8" r="7" fill="currentColor" />;

const SHAPES = {
  COMPLETED: (
    <>
      {DISC}
      <path d="M4.8 8.3l2.2 2.2 4.2-4.7" className="mark-cut" />
    </>
  ),
  FAILED: (
    <>
      {DISC}
      <path d="M5.5 5.5l5 5m0-5l-5 5" className="mark-cut" />
    </>
  ),
  CRASHED: (
    <>
      <path d="M8 .8l7.2 13.4H.8z" fill="currentColor" strokeLinejoin="round" />
      <path d="M8 5.6v4M8 11.9v.1" className="mark-cut" />
    </>
  ),
  RUNNING: (
    <>
      <circle cx="8" cy="8" r="6" className="mark-track" />
      <path d="M8 2a6 6 0 0 1 6 6" className="mark-arc" />
    </>
  ),
  PENDING: <circle cx="8" cy="8" r="5.5" className="mark-ring mark-dashed" />,
  SCHEDULED: (
    <>
      <circle cx="8" cy="8" r="6" className="mark-ring" />
      <path d="M8 4.6V8l2.3 1.6" className="mark-ring" />
    </>
  ),
  PAUSED: (
    <>
      <circle cx="8" cy="8" r="6" className="mark-ring" />
      <path d="M6.4 5.8v4.4m3.2-4.4v4.4" className="mark-ring" />
    </>
  ),
  CANCELLED: (
    <>
      <circle cx="8" cy="8" r="6" className="mark-ring" />
      <path d="M4 12l8-8" className="mark-ring" />
    </>
  ),
  CANCELLING: (
    <>
      <circle cx="8" cy="8" r="6" className="mark-track" />
      <path d="M5.2 10.8l5.6-5.6" className="mark-ring" />
      <path d="M8 2a6 6 0 0 1 6 6" className="mark-arc" />
    </>
  ),
} as const satisfies Record<StateType, React.ReactNode>;
