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

  // Swagger UI has a <main> too, and a page has one.
  const box = document.getElementById("swagger-ui");
  new MutationObserver((changes, observer) => {
    const main = box.querySelector("main");
    if (!main) return;
    main.setAttribute("role", "region");
    main.setAttribute("aria-label", "Calls");
    observer.disconnect();
  }).observe(box, { childList: true, subtree: true });

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
