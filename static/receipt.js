// The receipt of an upload: what is typed while the file is read again is kept, as are scroll positions and open folds.
(function () {
  const form = () => document.getElementById("receipt");
  const kept = { scroll: [], open: [], top: null };
  let isReading = false; // a request is under way
  let isStale = false; // one was stopped, since a field was changed meanwhile

  const scrollable = () => [...document.querySelectorAll("#receipt .wide[id], #receipt pre[id]")];

  document.addEventListener("input", (event) => {
    if (!isReading || !event.target.closest("#receipt")) return;
    isStale = true;
    htmx.trigger(form(), "htmx:abort");
  });
  document.addEventListener("focusout", (event) => {
    if (!isStale || !event.target.closest("#receipt")) return;
    isStale = false;
    htmx.trigger(form(), "reread");
  });
  const isReread = (event) => event.detail.target?.id === "receipt"; // not of the distributions, which load by themselves
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isReread(event)) return;
    isReading = true;
    form().setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isReread(event)) return;
    isReading = false;
    form()?.removeAttribute("aria-busy");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isReread(event)) return;
    kept.scroll = scrollable().map((part) => [part.id, part.scrollLeft, part.scrollTop]);
    kept.open = [...document.querySelectorAll("#receipt details[id][open]")].map((fold) => fold.id);
    kept.top = document.activeElement.closest("#receipt") && document.activeElement.getBoundingClientRect().top;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!isReread(event)) return;
    for (const [id, left, top] of kept.scroll) document.getElementById(id)?.scrollTo(left, top);
    for (const id of kept.open) document.getElementById(id)?.setAttribute("open", "");
    if (kept.top !== null && document.activeElement === document.body) {
      // The choice that was pressed is gone with its finding: the keyboard goes on from the others.
      const next = document.querySelector("#receipt .findings") ?? form();
      next.tabIndex = -1;
      next.focus({ preventScroll: true });
      kept.top = null;
    }
    const focused = document.activeElement;
    // The findings above a field can be fewer now: it stays where it was on the screen.
    if (kept.top !== null && focused.closest("#receipt")) scrollBy(0, focused.getBoundingClientRect().top - kept.top);
    document.getElementById("announce").textContent = form().dataset.summary;
  });
})();
