import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { Ellipsis, Search } from "lucide-react";
import { useCallback, useRef, useState } from "react";
import { PLACES, type SidePlace } from "~/features/shell/places";
import { SearchBox } from "~/features/shell/SearchBox";
import { ServerBanner } from "~/features/shell/ServerBanner";
import { useShortcuts } from "~/features/shell/shortcuts";
import { ThemeSwitch } from "~/features/shell/ThemeSwitch";
import "./shell.css";

const IN_BAR = 3;

/** What is around every page: the way to the others, the search box, the state of the server. */
export function Shell() {
  const [searching, setSearching] = useState(false);
  const search = useCallback(() => setSearching(true), []);
  useShortcuts(PLACES, search);
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
        <button type="button" className="find" onClick={search}>
          <Search size={15} aria-hidden="true" />
          <span>Search</span>
          <kbd>/</kbd>
        </button>
        <ul>
          {PLACES.map((place, number) => (
            <li key={place.to} className={number < IN_BAR ? "" : "wide-only"}>
              <PlaceLink place={place} />
            </li>
          ))}
        </ul>
        <More search={search} />
        <ThemeSwitch name="theme" />
      </nav>
      <main id="content" tabIndex={-1}>
        <ServerBanner />
        <Outlet />
      </main>
      {searching ? <SearchBox close={() => setSearching(false)} /> : null}
    </div>
  );
}

function PlaceLink({ place: { to, name, short, icon: Icon, key, also } }: { place: SidePlace }) {
  const isAlso = useLocation({ select: ({ pathname }) => !!also && pathname.startsWith(also) });
  return (
    <Link
      to={to}
      className={`place ${isAlso ? "active" : ""}`}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      title={`${name} (g ${key})`}
    >
      <Icon size={17} aria-hidden="true" />
      <span className="wide-only">{name}</span>
      <span className="narrow-only">{short}</span>
    </Link>
  );
}

/** Of a narrow window: the search box, and what has no room in the bar. */
function More({ search }: { search: () => void }) {
  const popover = useRef<HTMLDivElement>(null);
  const close = () => popover.current?.hidePopover();
  return (
    <div className="narrow-only bar-end">
      <button type="button" className="place" onClick={search}>
        <Search size={17} aria-hidden="true" />
        <span>Search</span>
      </button>
      <button type="button" className="place" popoverTarget="more-places">
        <Ellipsis size={17} aria-hidden="true" />
        <span>More</span>
      </button>
      <div ref={popover} id="more-places" popover="auto" className="more-places">
        <ul>
          {PLACES.slice(IN_BAR).map((place) => (
            <li key={place.to}>
              <Link to={place.to} className="more-place" onClick={close}>
                <place.icon size={17} aria-hidden="true" />
                {place.name}
              </Link>
            </li>
          ))}
        </ul>
        <ThemeSwitch name="theme-narrow" />
      </div>
    </div>
  );
}
