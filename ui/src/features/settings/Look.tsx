import { Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "~/live/useTheme";
import { STATE_TYPES } from "~/model/states";
import { chooseTheme, THEMES, type Theme } from "~/model/theme";
import { Card } from "~/parts/Card";
import { StateBadge } from "~/parts/StateBadge";

const LOOKS = {
  light: { name: "Light", icon: Sun },
  system: { name: "As the system", icon: Monitor },
  dark: { name: "Dark", icon: Moon },
} as const satisfies Record<Theme, unknown>;

/** How this page looks in this browser. */
export function Look() {
  const theme = useTheme();
  return (
    <Card title="Look">
      <div className="look">
        <div className="look-themes" role="radiogroup" aria-label="Theme of this page">
          {THEMES.map((one) => {
            const { name, icon: Icon } = LOOKS[one];
            return (
              <label key={one} className="look-theme">
                <input
                  type="radio"
                  name="look-theme"
                  className="hidden-text"
                  checked={theme === one}
                  onChange={() => chooseTheme(one)}
                />
                <Icon size={15} aria-hidden="true" />
                {name}
              </label>
            );
          })}
        </div>
        <div>
          <p className="settings-note">
            Each state has a shape of its own, and colours that colour-blind people tell apart:
          </p>
          <div className="look-states">
            {STATE_TYPES.map((type) => (
              <StateBadge key={type} type={type} />
            ))}
          </div>
        </div>
      </div>
    </Card>
  );
}
