import { Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "~/live/useTheme";
import { chooseTheme, THEMES, type Theme } from "~/model/theme";

const ICONS = { light: Sun, system: Monitor, dark: Moon } as const satisfies Record<Theme, unknown>;

/** Light, as the system has it, or dark; `name` groups the buttons of one switch. */
export function ThemeSwitch({ name }: { name: string }) {
  const theme = useTheme();
  return (
    <div className="themes" role="radiogroup" aria-label="Theme">
      {THEMES.map((one) => {
        const Icon = ICONS[one];
        return (
          <label key={one} title={`${one[0]?.toUpperCase()}${one.slice(1)} theme`}>
            <input
              type="radio"
              name={name}
              className="hidden-text"
              checked={theme === one}
              onChange={() => chooseTheme(one)}
            />
            <Icon size={15} aria-hidden="true" />
            <span className="hidden-text">{one}</span>
          </label>
        );
      })}
    </div>
  );
}
