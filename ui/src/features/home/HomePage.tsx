/** What runs now, what failed lately, and how it went. */
export function HomePage() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Home</h1>
      </header>
    </div>
  );
}
