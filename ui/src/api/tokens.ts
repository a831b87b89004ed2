import { queryOptions } from "@tanstack/react-query";
import { get, post, remove } from "~/api/client";
import type { components } from "~/api/schema";

type Shapes = components["schemas"];

export type Token = Shapes["Token"];
export type NewToken = Shapes["NewToken"];
export type MadeToken = Shapes["MadeToken"];
export type Session = Shapes["Session"];
export type Scope = Token["scope"];

/** All tokens, the oldest first; for `admin`. */
export function tokens() {
  return queryOptions({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => get<Shapes["TokenList"]>("/tokens", {}, signal),
  });
}

/** Who looks at this page, and what they may do. */
export function session() {
  return queryOptions({
    queryKey: ["session"],
    queryFn: ({ signal }) => get<Session>("/session", {}, signal),
    staleTime: 60_000,
  });
}

/** Make a token: what its holder shows is in the answer and nowhere else. */
export function createToken(wanted: NewToken): Promise<MadeToken> {
  return post("/tokens", wanted);
}

export function revokeToken(id: string): Promise<null> {
  return remove(`/tokens/${id}`);
}

export function logOut(): Promise<null> {
  return post("/logout");
}

/** Let this browser in from now on, by a token. */
export function logIn(token: string): Promise<Session> {
  return post("/login", { token });
}
