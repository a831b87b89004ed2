import { Link, Outlet } from "@tanstack/react-router";
import {
  Activity,
  Box,
  Braces,
  Gauge,
  House,
  type LucideIcon,
  Search,
  Settings,
  Workflow,
} from "lucide-react";
import { useState } from "react";
import { SearchBox } from "~/features/shell/SearchBox";
import { ServerBanner } from "~/features/shell/ServerBanner";
import { useShortcuts } from "~/features/shell/shortcuts";
import { ThemeSwitch } from "~/features/shell/ThemeSwitch";
import "./shell.css";

const PLACES: readonly { to: string; name: string; icon: LucideIcon; key: string }[] = [
  { to: "/", name: "Home", icon: House, key: "h" },
  { to: "/runs", name: "Runs", icon: Activity, key: "r" },
  { to: "/flows", name: "Flows & tasks", icon: Workflow, key: "f" },
  { to: "/limits", name: "Limits", icon: Gauge, key: "l" },
  { to: "/artifacts", name: "Artifacts", icon: Box, key: "a" },
  { to: "/variables", name: "Variables", icon: Braces, key: "v" },
  { to: "/settings", name: "Settings", icon: Settings, key: "s" },
];

/** What is around every page: the way to the others, the search box, the state of the server. */
export function Shell() {
  const [searching, setSearching] = useState(false);
  useShortcuts(PLACES, () => setSearching(true));
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <nav className="side" aria-label="Pages">
        <Link to="/" className="brand">
          <img src="/favicon.svg" alt="" width="24" height="24" />
          <span>Flowstone</span>
        </Link>
        <button type="button" className="find" onClick={() => setSearching(true)}>
          <Search size={15} aria-hidden="true" />
          <span>Search</span>
          <kbd>/</kbd>
        </button>
        <ul>
          {PLACES.map(({ to, name, icon: Icon, key }) => (
            <li key={to}>
              <Link
                to={to}
                className="place"
                activeOptions={{ exact: to === "/", includeSearch: false }}
                title={`${name} (g ${key})`}
              >
                <Icon size={17} aria-hidden="true" />
                <span>{name}</span>
              </Link>
            </li>
          ))}
        </ul>
        <ThemeSwitch />
      </nav>
      <main id="content" tabIndex={-1}>
        <ServerBanner />
        <Outlet />
      </main>
      {searching ? <SearchBox close={() => setSearching(false)} /> : null}
    </div>
  );
}
