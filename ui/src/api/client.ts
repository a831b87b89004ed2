/** The one door to the server: requests, errors, pages. */

/** What the server says when it refuses, in its one shape. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** What may stand in an address; lists are given as repeated parameters, nothing is left out. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | null | undefined>
>;

export function address(path: string, query: Query = {}): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    if (Array.isArray(value)) for (const one of value) found.append(name, one);
    else found.append(name, String(value));
  }
  const text = found.toString();
  return text ? `/api${path}?${text}` : `/api${path}`;
}

export function get<Answer>(path: string, query?: Query, signal?: AbortSignal): Promise<Answer> {
  return send<Answer>("GET", address(path, query), undefined, signal);
}

export function post<Answer>(path: string, body?: unknown): Promise<Answer> {
  return send<Answer>("POST", address(path), body);
}

export function put<Answer>(path: string, body?: unknown): Promise<Answer> {
  return send<Answer>("PUT", address(path), body);
}

export function patch<Answer>(path: string, body?: unknown): Promise<Answer> {
  return send<Answer>("PATCH", address(path), body);
}

export function remove<Answer>(path: string, query?: Query): Promise<Answer> {
  return send<Answer>("DELETE", address(path, query));
}

async function send<Answer>(
  method: string,
  url: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  const request: RequestInit = { method, headers: { Accept: "application/json" } };
  if (signal) request.signal = signal;
  if (body !== undefined) {
    request.headers = { ...request.headers, "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "The server does not answer.", "It may be restarting.");
  }
  if (response.status === 401) toLogin();
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? null : await response.json()) as Answer;
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { code, message, hint } = JSON.parse(text) as Record<string, string | undefined>;
    if (message) return new ApiError(response.status, code ?? "", message, hint ?? "");
  } catch {
    // A proxy's own page, most likely: its status says what there is to say.
  }
  return new ApiError(response.status, "", `The server answered ${response.status}.`, "");
}

function toLogin(): void {
  if (window.location.pathname === "/login") return;
  const here = window.location.pathname + window.location.search;
  window.location.assign(`/login?next=${encodeURIComponent(here)}`);
}
