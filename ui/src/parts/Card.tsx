import type { ReactNode } from "react";

/** A titled part of a page; `more` stands at the right end of its head. */
export function Card({
  title,
  more,
  children,
  flush = false,
}: {
  title: ReactNode;
  more?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) {
  return (
    <section className="card">
      <header className="card-head">
        <h2>{title}</h2>
        {more === undefined ? null : <div>{more}</div>}
      </header>
      {flush ? children : <div className="card-body">{children}</div>}
    </section>
  );
}
