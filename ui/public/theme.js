// Before anything is drawn, so that a dark page never flashes white.
{
  let theme = "system";
  try {
    theme = localStorage.getItem("flowstone-theme") ?? "system";
  } catch {
    // Storage may be off limits: the system's theme will do.
  }
  if (theme !== "system") document.documentElement.dataset.theme = theme;
}
