// Runs before the first paint, so that a saved theme does not flash and scripted elements do not shift.
(function () {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {
    // Storage is disabled: use the theme of the system.
  }
})();
