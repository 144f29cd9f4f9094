// Comfort on top of pages that work without it: theme, copy, tabs, local times, signs of work.
(function () {
  const root = document.documentElement;

  function remember(key, value) {
    try { localStorage.setItem(key, value); } catch (error) { /* storage is switched off */ }
  }
  function recall(key) {
    try { return localStorage.getItem(key); } catch (error) { return null; }
  }
  function say(words) {
    document.getElementById("announce").textContent = words;
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
    remember("theme", theme);
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
      // Plain http on another host than this one has no clipboard: leave the text selected to copy by hand.
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
      say("The text is selected. Copy it with your keyboard.");
      return;
    }
    const label = button.dataset.label || (button.dataset.label = button.textContent);
    button.textContent = "Copied";
    say("Copied to the clipboard.");
    setTimeout(() => { button.textContent = label; }, 1600);
  }

  // Tabs of a code sample: without this script its sections stand one below the other.
  let made = 0;
  function makeTabs(box) {
    const panels = [...box.querySelectorAll("section[data-tab]")];
    const list = box.querySelector(".tabs");
    if (panels.length < 2 || list.childElementCount) return;
    list.setAttribute("role", "tablist");
    for (const panel of panels) {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = panel.dataset.tab;
      tab.id = `tab-${++made}`;
      panel.id = `panel-${made}`;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      list.append(tab);
    }
    box.classList.add("tabbed");
    showTab(box, recall("code-tab") || panels[0].dataset.tab);
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
    const wrong = part.querySelector("main [aria-invalid=true], form [aria-invalid=true], form [role=alert]");
    if (!wrong) return;
    const fold = wrong.closest("details");
    if (fold) fold.open = true;
    wrong.focus();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-set-theme], [data-copy], [role=tab], [data-close]");
    if (button?.dataset.setTheme) setTheme(button.dataset.setTheme);
    else if (button?.hasAttribute("data-copy")) copy(button);
    else if (button?.hasAttribute("data-close")) closeDetails(button.closest("details"));
    else if (button) {
      remember("code-tab", button.textContent);
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

  // Signs of work: the line at the top shows after 300 ms (app.css), a second click on a button does nothing.
  let working = 0;
  function work(change) {
    working = Math.max(0, working + change);
    root.classList.toggle("working", working > 0);
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (event.defaultPrevented || (form.getAttribute("method") || "").toLowerCase() !== "post") return;
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    work(1);
    // The answer may be a file, after which this page stays and nothing tells that it has come.
    if (form.hasAttribute("data-may-download")) setTimeout(() => {
      delete form.dataset.sent;
      event.submitter?.removeAttribute("aria-busy");
      work(-1);
    }, 4000);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    working = 0;
    work(0);
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    document.querySelectorAll("[aria-busy]").forEach((busy) => busy.removeAttribute("aria-busy"));
  });
  document.addEventListener("htmx:beforeRequest", () => work(1));
  document.addEventListener("htmx:afterRequest", () => work(-1));
  document.addEventListener("htmx:load", (event) => enhance(event.detail.elt));
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.requestConfig?.verb === "post") focusFirstError(event.detail.elt);
  });
  function showTrouble(words) {
    const notice = document.getElementById("trouble");
    if (!notice) return;
    notice.querySelector("p").textContent = words;
    notice.hidden = false;
  }
  document.addEventListener("htmx:sendError", () => {
    showTrouble("The server does not answer. What you see may be out of date; reload the page to try again.");
  });
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    showTrouble(status === 401 || status === 403
      ? "You may not do this, or your session has ended. Reload the page to sign in again."
      : "That did not work and nothing was changed. Reload the page and try again.");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const notice = document.getElementById("trouble");
    if (notice && event.detail.shouldSwap) notice.hidden = true;
  });

  showTheme();
  enhance(document);
  focusFirstError(document);
})();
