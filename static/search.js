// Turns every <select data-search> into a text field with a list filtered by the input (the ARIA combobox pattern).
// The hidden select keeps the submitted value; without JavaScript it stays an ordinary list.
(function () {
  const MAX_SHOWN = 100; // a table can have thousands of columns; typing filters them
  let returnTo = "";

  function enhance(select) {
    const entries = [...select.options].map((option) => ({
      option, label: option.text, group: option.parentElement.label || "",
    }));
    const input = document.createElement("input");
    const list = document.createElement("ul");
    const box = document.createElement("div");
    const id = select.id;
    const label = document.querySelector(`label[for="${id}"]`);
    select.removeAttribute("data-search");
    // A separate id: otherwise htmx restores the focus of a replaced field to the select before it is enhanced.
    input.id = `${id}-search`;
    if (label) label.htmlFor = input.id;
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
      select.removeAttribute(name);
    }
    Object.assign(input, { type: "text", autocomplete: "off", spellcheck: false });
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-list`,
    })) input.setAttribute(name, value);
    list.id = `${id}-list`;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", label?.firstChild.textContent || "");
    list.hidden = true;
    box.className = "combobox";
    const hadFocus = document.activeElement === select || returnTo === id;
    select.before(box);
    box.append(input, list, select);
    select.hidden = true;

    let active = -1;
    const current = () => select.selectedOptions[0]?.text || "";
    const options = () => [...list.querySelectorAll("[role=option]")];
    function exactMatch(text) {
      const name = text.trim();
      return name && (entries.find((entry) => entry.label === name)
        || entries.find((entry) => entry.label.toLowerCase() === name.toLowerCase()));
    }

    function open(text) {
      const query = text.trim().toLowerCase();
      const exact = exactMatch(text);
      const others = entries.filter((entry) => entry !== exact && entry.label.toLowerCase().includes(query));
      const matches = exact ? [exact, ...others] : others;
      list.replaceChildren();
      let group = "";
      for (const entry of matches.slice(0, MAX_SHOWN)) {
        if (entry.group !== group) {
          group = entry.group;
          const title = document.createElement("li");
          title.className = "combobox-group";
          title.setAttribute("role", "presentation");
          title.textContent = group;
          list.append(title);
        }
        const item = document.createElement("li");
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", String(entry.option.selected));
        item.id = `${id}-option-${entry.option.index}`;
        item.textContent = entry.label;
        item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(entry.option); });
        list.append(item);
      }
      if (!matches.length || matches.length > MAX_SHOWN) {
        const note = document.createElement("li");
        note.className = "combobox-note";
        note.setAttribute("role", "presentation");
        note.textContent = matches.length ? `${matches.length - MAX_SHOWN} more: type to filter` : "No matches";
        list.append(note);
      }
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      const chosen = options().findIndex((item) => item.getAttribute("aria-selected") === "true");
      mark(query ? 0 : Math.max(chosen, 0));
      if (active >= 0) list.scrollTop = options()[active].offsetTop - list.clientHeight / 2;
    }
    // Text that names no option stays and stops the submission: the earlier choice must not be sent in its place.
    function checkText() {
      const text = input.value.trim();
      const isUnknown = text && text !== current() && !exactMatch(text);
      input.setCustomValidity(isUnknown ? `"${text.slice(0, 60)}" is not in the list. Select one of its entries.` : "");
      return !isUnknown;
    }
    function hide() {
      list.hidden = true;
      active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }
    function close() {
      hide();
      input.value = current();
      input.setCustomValidity("");
    }
    function mark(index) {
      const items = options();
      active = Math.min(Math.max(index, 0), items.length - 1);
      items.forEach((item, position) => item.classList.toggle("active", position === active));
      if (active < 0) return;
      input.setAttribute("aria-activedescendant", items[active].id);
      items[active].scrollIntoView({ block: "nearest" });
    }
    function choose(option) {
      const changed = !option.selected;
      option.selected = true;
      close();
      const hasFocus = document.activeElement === input;
      if (hasFocus) input.select();
      if (!changed) return;
      if (hasFocus) returnTo = id;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }

    input.value = current();
    input.addEventListener("focus", () => input.select());
    input.addEventListener("click", () => { if (list.hidden) open(""); });
    input.addEventListener("input", () => { open(input.value); checkText(); });
    input.addEventListener("blur", () => {
      const exact = input.value !== current() && exactMatch(input.value);
      if (exact) choose(exact.option);
      else if (checkText()) close();
      else hide();
    });
    input.addEventListener("keydown", (event) => {
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
      if (event.key in steps) {
        event.preventDefault();
        if (list.hidden) open(""); else mark(active + steps[event.key]);
      } else if (event.key === "Enter" && !list.hidden) {
        event.preventDefault();
        const item = options()[active];
        if (item) choose(select.options[Number(item.id.split("-").pop())]);
        else input.reportValidity();
      } else if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation();
        close();
        input.select();
      }
    });
    if (hadFocus) {
      input.focus();
      returnTo = "";
    }
  }

  function enhanceAll() {
    document.querySelectorAll("select[data-search]").forEach(enhance);
  }
  // The forms have no validation by the browser: their errors come from the server, which never sees unknown text.
  document.addEventListener("submit", (event) => {
    const unknown = [...event.target.querySelectorAll("[role=combobox]")].find((input) => !input.checkValidity());
    if (!unknown) return;
    event.preventDefault();
    unknown.focus();
    unknown.reportValidity();
  }, true);
  document.addEventListener("htmx:load", enhanceAll);
  enhanceAll();
})();
