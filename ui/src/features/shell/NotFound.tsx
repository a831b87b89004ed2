import { Link } from "@tanstack/react-router";
import { Empty } from "~/parts/Empty";

/** Where no page is. */
export function NotFound() {
  return (
    <div className="page">
      <Empty title="There is no page at this address">
        <Link to="/" className="button">
          Go home
        </Link>
      </Empty>
    </div>
  );
}
