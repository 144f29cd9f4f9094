// Progressive enhancement of every page: theme, copy buttons, tabs, local times, busy indicators.
(function () {
  const root = document.documentElement;

  function store(key, value) {
    try { localStorage.setItem(key, value); } catch (error) { /* storage is disabled */ }
  }
  function load(key) {
    try { return localStorage.getItem(key); } catch (error) { return null; }
  }
  function announce(message) {
    document.getElementById("announce").textContent = message;
  }

  // Theme
  function showTheme() {
    const theme = root.dataset.theme || "system";
    for (const button of document.querySelectorAll("[data-set-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setTheme === theme));
    }
  }
  function setTheme(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    store("theme", theme);
    showTheme();
  }

  // Copy
  async function copy(button) {
    const source = document.getElementById(button.dataset.copy)
      || button.closest(".code").querySelector("section:not([hidden]) pre");
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) {
      // Plain HTTP from another host has no clipboard access: select the text instead.
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
      announce("The text is selected. Press Ctrl+C to copy it.");
      return;
    }
    const label = button.dataset.label || (button.dataset.label = button.textContent);
    button.textContent = "Copied";
    announce("Copied to clipboard.");
    setTimeout(() => { button.textContent = label; }, 1600);
  }

  // Tabs of a code sample
  let tabCount = 0;
  function makeTabs(box) {
    const panels = [...box.querySelectorAll("section[data-tab]")];
    const list = box.querySelector(".tabs");
    if (panels.length < 2 || list.childElementCount) return;
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", list.dataset.label);
    for (const panel of panels) {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = panel.dataset.tab;
      tab.id = `tab-${++tabCount}`;
      panel.id = `panel-${tabCount}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      list.append(tab);
    }
    box.classList.add("tabbed");
    showTab(box, load("code-tab") || panels[0].dataset.tab);
  }
  function showTab(box, name) {
    const tabs = [...box.querySelectorAll("[role=tab]")];
    const chosen = tabs.find((tab) => tab.textContent === name) || tabs[0];
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
    return chosen;
  }

  function enhance(part) {
    part.querySelectorAll(".code").forEach(makeTabs);
    for (const time of part.querySelectorAll("time[datetime]")) {
      const here = new Date(time.dateTime);
      if (!isNaN(here)) time.title = here.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  }
  function focusFirstError(part) {
    const invalid = part.querySelector("main [aria-invalid=true], form [aria-invalid=true], form [role=alert]");
    if (!invalid) return;
    const fold = invalid.closest("details");
    if (fold) fold.open = true;
    invalid.focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-set-theme], [data-copy], [role=tab], [data-close]");
    if (button?.dataset.setTheme) setTheme(button.dataset.setTheme);
    else if (button?.hasAttribute("data-copy")) copy(button);
    else if (button?.hasAttribute("data-close")) closeDetails(button.closest("details"));
    else if (button) {
      store("code-tab", button.textContent);
      document.querySelectorAll(".code.tabbed").forEach((box) => showTab(box, button.textContent));
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  function closeDetails(details) {
    details.open = false;
    details.querySelector("summary").focus();
  }
  // The key / goes to the search, as on GitHub, unless it is typed into a field.
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  document.addEventListener("keydown", (event) => {
    const open = event.target.closest("details.menu[open], details.confirm[open]");
    if (event.key === "Escape" && open) closeDetails(open);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.target.getAttribute("role") !== "tab") return;
    const tabs = [...event.target.parentElement.children];
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.click();
    next.focus();
  });

  // Stars: sent without a new page. Before the busy indicators, which hold back what was sent a moment ago.
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter: star } = event;
    if (form.id !== "star") return;
    event.preventDefault();
    const isFavourite = star.value === "true";
    const body = new FormData(form);
    body.append("favourite", star.value);
    const headers = { "HX-Request": "true" };
    const response = await fetch(star.formAction, { method: "POST", body, headers }).catch(() => null);
    if (!response?.ok) return showRequestError("The favourite was not saved. Reload the page and try again.");
    star.setAttribute("aria-pressed", String(isFavourite));
    star.value = String(!isFavourite);
  });

  // Busy indicators: the line at the top appears after 300 ms (app.css). A double-click submits a form only once; later
  // it can be submitted again, since no event tells that the user has stopped the request.
  const RESEND_MS = 10_000;
  let pending = 0;
  function addPending(change) {
    pending = Math.max(0, pending + change);
    root.classList.toggle("working", pending > 0);
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (Date.now() - (form.dataset.sent || 0) < RESEND_MS) { event.preventDefault(); return; }
    if (event.defaultPrevented || (form.getAttribute("method") || "").toLowerCase() !== "post") return;
    form.dataset.sent = Date.now();
    event.submitter?.setAttribute("aria-busy", "true");
    addPending(1);
    // The response may be a download, after which the page stays and no event fires.
    if (form.hasAttribute("data-may-download")) setTimeout(() => {
      delete form.dataset.sent;
      event.submitter?.removeAttribute("aria-busy");
      addPending(-1);
    }, 4000);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    pending = 0;
    addPending(0);
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    document.querySelectorAll("[aria-busy]").forEach((busy) => busy.removeAttribute("aria-busy"));
  });
  document.addEventListener("htmx:beforeRequest", () => addPending(1));
  document.addEventListener("htmx:afterRequest", () => addPending(-1));
  document.addEventListener("htmx:load", (event) => enhance(event.detail.elt));
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.requestConfig?.verb !== "post") return;
    if (event.detail.elt.closest("[data-keep-focus]")) return; // it was sent by a change, not by a button
    focusFirstError(event.detail.elt);
    showAnswer();
  });
  // A prediction: bring it into view, below the form or beside it, while the focus stays in the form.
  function showAnswer() {
    const answer = document.querySelector("[data-answer]");
    if (!answer) return;
    answer.scrollIntoView({ block: "nearest" });
    announce(answer.innerText);
  }
  function showRequestError(message) {
    const notice = document.getElementById("request-error");
    if (!notice) return;
    notice.querySelector("p").textContent = message;
    notice.hidden = false;
  }
  document.addEventListener("htmx:sendError", () => {
    showRequestError("The server is not responding. Reload the page to try again.");
  });
  function sentenceOf(xhr) {
    try { return JSON.parse(xhr.responseText).detail.replaceAll("`", ""); } catch (error) { return ""; }
  }
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    showRequestError(status === 401 || status === 403
      ? "You don't have permission to do this, or your session has expired. Reload the page to sign in again."
      : sentenceOf(event.detail.xhr) || "The request failed. Reload the page and try again.");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const notice = document.getElementById("request-error");
    if (notice && event.detail.shouldSwap) notice.hidden = true;
  });

  showTheme();
  enhance(document);
  focusFirstError(document);
})();
