// The page of the API: sign-in with a token, and Swagger UI in the theme of the page. `ui` is Swagger UI.
(function () {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // Swagger UI is dark by a class.
  function showTheme() {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
    root.classList.toggle("dark-mode", isDark);
  }
  new MutationObserver(showTheme).observe(root, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", showTheme);
  showTheme();

  // What Swagger UI leaves without a name for screen readers, or out of reach of the keyboard.
  const box = document.getElementById("swagger-ui");
  function call(part) {
    const summary = part.closest(".opblock").querySelector(".opblock-summary");
    const text = (name) => summary.querySelector(`.opblock-summary-${name}`).textContent;
    return `${text("method")} ${text("path")}`;
  }
  const NAMES = {
    "main": () => "Calls", // of which a page has one, so this becomes a region
    "[data-param-name] :is(input, select, textarea)": (field) => field.closest("tr").dataset.paramName,
    "[data-property-name] :is(input, select, textarea)": (field) => field.closest("tr").dataset.propertyName,
    ".body-param__text": () => "Request body",
    ".examples-select-element": () => "Example",
    ".live-responses-table": (table) => `Response of ${call(table)}`,
    ".responses-table": (table) => `Possible responses of ${call(table)}`,
  };
  function nameParts() {
    box.querySelector("main")?.setAttribute("role", "region");
    for (const [selector, name] of Object.entries(NAMES)) {
      for (const part of box.querySelectorAll(`${selector}:not([aria-label])`)) part.setAttribute("aria-label", name(part));
    }
    for (const sample of box.querySelectorAll("pre:not([tabindex])")) sample.tabIndex = 0;
  }
  new MutationObserver(nameParts).observe(box, { childList: true, subtree: true });

  const form = document.getElementById("token-form");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const result = document.getElementById("token-result");
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ username: form.username.value, password: form.password.value }),
      });
      const body = await response.json();
      if (response.ok) ui.preauthorizeApiKey("token", body.token);
      result.textContent = response.ok
        ? `Signed in as ${form.username.value}. The calls below use the new token.`
        : body.detail;
      form.password.value = "";
    } catch (error) {
      result.textContent = "The server is not responding. Try again in a moment.";
    }
  });
})();
