import {
  Activity,
  Box,
  Braces,
  Gauge,
  House,
  type LucideIcon,
  Settings,
  Workflow,
} from "lucide-react";

/** A page of the side bar; `g` and its key lead there. */
export interface SidePlace {
  readonly to: string;
  readonly name: string;
  /** For the narrow bar, which holds three; the others stand behind its "More". */
  readonly short: string;
  readonly icon: LucideIcon;
  readonly key: string;
  /** Where its other addresses begin. */
  readonly also?: string;
}

export const PLACES: readonly SidePlace[] = [
  { to: "/", name: "Home", short: "Home", icon: House, key: "h" },
  { to: "/runs", name: "Runs", short: "Runs", icon: Activity, key: "r" },
  {
    to: "/flows",
    name: "Flows & tasks",
    short: "Flows",
    icon: Workflow,
    key: "f",
    also: "/tasks",
  },
  { to: "/limits", name: "Limits", short: "Limits", icon: Gauge, key: "l" },
  { to: "/artifacts", name: "Artifacts", short: "Artifacts", icon: Box, key: "a" },
  { to: "/variables", name: "Variables", short: "Variables", icon: Braces, key: "v" },
  { to: "/settings", name: "Settings", short: "Settings", icon: Settings, key: "s" },
];
