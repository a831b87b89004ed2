import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type SearchSchemaInput,
} from "@tanstack/react-router";
import { dashboard } from "~/api/dashboard";
import { queries } from "~/api/queries";
import { NotFound } from "~/features/shell/NotFound";
import { Shell } from "~/features/shell/Shell";
import { filterOf, type RunFilter, type RunFilterGiven } from "~/model/filters";
import { BACK, homeSearchOf } from "~/model/homeSearch";
import {
  artifactSearchOf,
  definitionSearchOf,
  limitSearchOf,
  variableSearchOf,
} from "~/model/listSearch";
import { nextPlace } from "~/model/nextPlace";
import { runSearchOf } from "~/model/runSearch";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: homeSearchOf,
  loaderDeps: ({ search }) => ({ hours: search.hours ?? BACK[0].hours }),
  // What it shows is asked for while its own files come.
  loader: ({ deps }) => {
    void queries.prefetchQuery(dashboard(deps.hours));
  },
  component: lazyRouteComponent(() => import("~/features/home/HomePage"), "HomePage"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: (given: RunFilterGiven & SearchSchemaInput): RunFilter => filterOf(given),
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

/** The address that `flowstone open RUN` gives, which the plain page knows too. */
const opened = createRoute({
  getParentRoute: () => root,
  path: "/flow-runs/$id",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/runs/$id", params, replace: true });
  },
});

const flows = createRoute({
  getParentRoute: () => root,
  path: "/flows",
  validateSearch: definitionSearchOf,
  component: lazyRouteComponent(() => import("~/features/flows/FlowsPage"), "FlowsPage"),
});

const flow = createRoute({
  getParentRoute: () => root,
  path: "/flows/$name",
  validateSearch: definitionSearchOf,
  component: lazyRouteComponent(() => import("~/features/flows/FlowPage"), "FlowPage"),
});

const tasks = createRoute({
  getParentRoute: () => root,
  path: "/tasks",
  validateSearch: definitionSearchOf,
  component: lazyRouteComponent(() => import("~/features/tasks/TasksPage"), "TasksPage"),
});

const task = createRoute({
  getParentRoute: () => root,
  path: "/tasks/$name",
  validateSearch: definitionSearchOf,
  component: lazyRouteComponent(() => import("~/features/tasks/TaskPage"), "TaskPage"),
});

const limits = createRoute({
  getParentRoute: () => root,
  path: "/limits",
  validateSearch: limitSearchOf,
  component: lazyRouteComponent(() => import("~/features/limits/LimitsPage"), "LimitsPage"),
});

const artifacts = createRoute({
  getParentRoute: () => root,
  path: "/artifacts",
  validateSearch: artifactSearchOf,
  component: lazyRouteComponent(
    () => import("~/features/artifacts/ArtifactsPage"),
    "ArtifactsPage",
  ),
});

const artifact = createRoute({
  getParentRoute: () => root,
  path: "/artifacts/$id",
  component: lazyRouteComponent(() => import("~/features/artifacts/ArtifactPage"), "ArtifactPage"),
});

const variables = createRoute({
  getParentRoute: () => root,
  path: "/variables",
  validateSearch: variableSearchOf,
  component: lazyRouteComponent(
    () => import("~/features/variables/VariablesPage"),
    "VariablesPage",
  ),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("~/features/settings/SettingsPage"), "SettingsPage"),
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (given: Record<string, unknown>) => ({ next: nextPlace(given.next) }),
  component: lazyRouteComponent(() => import("~/features/login/LoginPage"), "LoginPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    runs,
    run,
    opened,
    taskRun,
    flows,
    flow,
    tasks,
    task,
    limits,
    artifacts,
    artifact,
    variables,
    settings,
    login,
  ]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
