// Renews the request beside the training form, and the estimate, after a change of the form.
(function () {
  const PAUSE_MS = 300; // while typing
  let timer;
  function changed(event) {
    const form = event.target.closest("#train-form");
    // Another dataset, target or algorithm reloads the whole form.
    if (!form || event.target.closest(".combobox, [hx-post]:not(aside)")) return;
    clearTimeout(timer);
    timer = setTimeout(() => htmx.trigger("#request", "stale"), PAUSE_MS);
  }
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
})();
