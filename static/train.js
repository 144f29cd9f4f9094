// Renews the request beside the training form, and the estimate, after a change of the form.
(function () {
  const PAUSE_MS = 300; // while typing
  let timer;
  function changed(event) {
    const form = event.target.closest("#train-form");
    // What other fields depend on reloads the whole form, and a list to search changes when an entry is chosen.
    if (!form || event.target.matches("[role=combobox], [hx-post]")) return;
    clearTimeout(timer);
    timer = setTimeout(() => htmx.trigger("#request", "stale"), PAUSE_MS);
  }
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
})();
