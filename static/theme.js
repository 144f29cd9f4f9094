// Runs before the first paint, so that a remembered theme does not flash and scripted parts do not jump.
(function () {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {
    // Storage is switched off: the system's theme it is.
  }
})();
