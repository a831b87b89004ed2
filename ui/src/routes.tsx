import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from "@tanstack/react-router";
import { NotFound } from "~/features/shell/NotFound";
import { Shell } from "~/features/shell/Shell";
import { runSearchOf } from "~/model/runSearch";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("~/features/home/HomePage"), "HomePage"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: (given: Record<string, unknown>): { flow?: string | undefined } => ({
    flow: given.flow ? String(given.flow) : undefined,
  }),
  component: lazyRouteComponent(() => import("~/features/runs/RunsPage"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$id",
  validateSearch: runSearchOf,
  component: lazyRouteComponent(() => import("~/features/run-detail/RunPage"), "RunPage"),
});

const taskRun = createRoute({
  getParentRoute: () => root,
  path: "/task-runs/$id",
  component: lazyRouteComponent(() => import("~/features/task-run/TaskRunPage"), "TaskRunPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, runs, run, taskRun]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
