import { useState } from "react";

/**
 * A picture that lies somewhere else. Who keeps it learns who looks, so that host is asked for one
 * only once the viewer wants it; a picture that is in the address itself is shown at once.
 */
export function FarImage({ address, words }: { address: string; words: string }) {
  const place = placeOf(address);
  const [isWanted, setWanted] = useState(false);
  const [isMissing, setMissing] = useState(false);
  if (place === null) {
    return (
      <span className="far-image">
        <code>{address}</code>
        <span className="muted">is no address of a picture that a browser can reach.</span>
      </span>
    );
  }
  const isHere = place === "" || place === window.location.host;
  if ((isWanted || isHere) && !isMissing) {
    return (
      <img
        className="artifact-image"
        src={address}
        alt={words || "The picture of this artifact"}
        referrerPolicy="no-referrer"
        onError={() => setMissing(true)}
      />
    );
  }
  return (
    <span className="far-image">
      {isMissing ? (
        <span className="muted">{place || "It"} did not give a picture.</span>
      ) : (
        <button type="button" className="button" onClick={() => setWanted(true)}>
          Show the picture from {place}
        </button>
      )}
      {place ? (
        <a href={address} className="link" target="_blank" rel="noreferrer noopener">
          Open its address
        </a>
      ) : null}
    </span>
  );
}

/** The host of a picture, "" where the address holds the picture; null where it is no address. */
function placeOf(address: string): string | null {
  if (/^data:image\//i.test(address)) return "";
  try {
    const { protocol, host } = new URL(address, window.location.href);
    return protocol === "http:" || protocol === "https:" ? host : null;
  } catch {
    return null; // what is no address is shown as the text that it is
  }
}
