import { useQuery } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { type KeyboardEvent, useDeferredValue, useEffect, useState } from "react";
import { isId, search } from "~/api/search";
import { FoundPlace } from "~/features/shell/FoundPlace";
import { foundPlaces, pagesNamed } from "~/features/shell/found";
import { noteRecent, type Place, recentPlaces } from "~/model/recent";
import { Modal } from "~/parts/Modal";
import { Trouble } from "~/parts/Trouble";
import "./search.css";

const PAUSE_MS = 150;

/** The box that finds runs, flows, tasks and ids; empty, what was opened lately. */
export function SearchBox({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const sought = usePaused(text.trim());
  const found = useQuery(search(sought));
  const places = placesOf(sought, found.data ? foundPlaces(found.data) : []);
  const [at, setAt] = useState(0);
  const router = useRouter();
  const here = Math.min(at, places.length - 1);

  const open = (place: Place | undefined) => {
    if (!place) return;
    if (place.kind !== "Page") noteRecent(place);
    close();
    router.history.push(place.href);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && places.length > 0) {
      event.preventDefault();
      setAt((here + step + places.length) % places.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (sought === text.trim()) open(places[here]);
    }
  };
  return (
    <Modal
      className="search"
      title="Search"
      close={close}
      onClick={({ target, currentTarget }) => target === currentTarget && close()}
    >
      <div className="search-head">
        <Search size={17} aria-hidden="true" />
        <input
          className="search-field"
          role="combobox"
          aria-label="Search"
          aria-expanded={places.length > 0}
          aria-controls="search-found"
          aria-activedescendant={places.length > 0 ? `search-${here}` : undefined}
          placeholder="Runs, flows, tasks, ids"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={({ target }) => {
            setText(target.value);
            setAt(0);
          }}
          onKeyDown={press}
        />
        <kbd>Esc</kbd>
      </div>
      {found.error && sought ? <Trouble error={found.error} retry={() => found.refetch()} /> : null}
      <div id="search-found" className="search-found" role="listbox" aria-label="What was found">
        {places.map((place, number) => (
          <FoundPlace
            key={`${place.kind} ${place.href}`}
            place={place}
            id={`search-${number}`}
            isHere={number === here}
            isFirst={place.kind !== places[number - 1]?.kind}
            isRecent={!sought && place.kind !== "Page"}
            point={() => setAt(number)}
            open={() => open(place)}
          />
        ))}
      </div>
      <p className="search-note muted" aria-live="polite">
        {noteOf(sought, places.length, found.isFetching)}
      </p>
    </Modal>
  );
}

/** What was found; where nothing is sought, what was opened lately, or else the pages. */
function placesOf(sought: string, found: readonly Place[]): readonly Place[] {
  if (sought) return [...pagesNamed(sought), ...found];
  const recent = recentPlaces();
  return recent.length > 0 ? recent : pagesNamed("");
}

function noteOf(sought: string, count: number, isFetching: boolean): string {
  if (!sought)
    return count > 0 ? "↑ ↓ to choose, Enter to open" : "Type a part of a name, or an id";
  if (isFetching) return "Searching…";
  if (count > 0) return "↑ ↓ to choose, Enter to open";
  return isId(sought) ? "No run has this id" : "Nothing has this in its name";
}

/** A text once the typing pauses. */
function usePaused(text: string): string {
  const [paused, setPaused] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setPaused(text), text ? PAUSE_MS : 0);
    return () => window.clearTimeout(timer);
  }, [text]);
  return useDeferredValue(paused);
}
