import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { RunSearch } from "~/model/runSearch";

/** A link within a flow run's page: to a tab, a task run, lines of its log. */
export function RunLink({
  to,
  className,
  children,
  ...rest
}: {
  to: RunSearch;
  className?: string;
  title?: string;
  tabIndex?: number;
  children: ReactNode;
}) {
  return (
    <Link
      from="/runs/$id"
      to="/runs/$id"
      params
      search={(before) => ({ ...before, ...to })}
      resetScroll={false}
      activeOptions={{ exact: true, includeSearch: true }}
      className={className ?? "link"}
      {...rest}
    >
      {children}
    </Link>
  );
}
