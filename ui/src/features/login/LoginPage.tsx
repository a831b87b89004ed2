import { useMutation } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { post } from "~/api/client";
import { Card } from "~/parts/Card";
import { Trouble } from "~/parts/Trouble";
import "./login.css";

const route = getRouteApi("/login");

/** Lets in who shows a token: the browser then keeps a cookie that no script can read. */
export function LoginPage() {
  const { next } = route.useSearch();
  const [token, setToken] = useState("");
  const act = useMutation({
    mutationFn: () => post("/login", { token }),
    onSuccess: () => window.location.assign(next),
  });
  return (
    <div className="page login">
      <header className="page-head">
        <h1>Log in</h1>
      </header>
      <Card title="This server asks who you are">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            act.mutate();
          }}
        >
          <label>
            Token
            <input
              className="field"
              type="password"
              autoComplete="current-password"
              required
              value={token}
              onChange={({ target }) => setToken(target.value)}
            />
          </label>
          <button type="submit" className="button button-main" disabled={act.isPending}>
            Log in
          </button>
        </form>
        {act.error ? <Trouble error={act.error} /> : null}
        <p className="muted">Whoever runs the server makes one there:</p>
        <pre>flowstone token create --scope read</pre>
      </Card>
    </div>
  );
}
