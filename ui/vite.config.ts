import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { firstView } from "./firstView.ts";

export default defineConfig({
  plugins: [react(), firstView()],
  resolve: { alias: { "~": new URL("./src", import.meta.url).pathname } },
  build: {
    outDir: "../src/flowstone/server/static/app",
    emptyOutDir: true,
    // The server answers with a strict content policy: nothing may stand inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    sourcemap: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:4840" } },
  test: { environment: "happy-dom", include: ["*.test.ts", "src/**/*.test.{ts,tsx}"] },
});
