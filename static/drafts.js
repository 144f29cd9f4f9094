// Restores a form whose POST was not handled, because the session or the form had expired or a service was down.
// The browser tab keeps the fields until the next page of a signed-in user, so the server stores nothing of visitors.
(function () {
  const KEY = "draft";
  const NOT_KEPT = ["hidden", "file", "password", "submit", "button"];
  const { user } = document.body.dataset;
  const isAnswer = user && document.querySelector(".frame"); // sign-in and expired forms have a page without it
  let draft = null; // while some of its fields are not on the page yet
  let reloading = null; // the list whose choice loads the other fields

  function store(value) {
    try {
      if (value) sessionStorage.setItem(KEY, JSON.stringify(value));
      else sessionStorage.removeItem(KEY);
    } catch (error) { /* storage is disabled or full */ }
  }
  function load() {
    try { return JSON.parse(sessionStorage.getItem(KEY)); } catch (error) { return null; }
  }
  function pathOf(form) {
    const isPost = (form.getAttribute("method") || "").toLowerCase() === "post";
    return isPost && new URL(form.getAttribute("action") || "", location.href).pathname;
  }
  function fieldsOf(form) {
    return [...form.elements].filter((field) => field.name && !NOT_KEPT.includes(field.type));
  }

  function keep(form) {
    const path = form && user && pathOf(form);
    if (!path) return;
    const fields = fieldsOf(form).map(({ name, type, value, checked }) => ({ name, type, value, checked }));
    const files = [...form.querySelectorAll("input[type=file]")];
    store({ user, path, fields, hasFile: files.some((field) => field.files.length) });
  }

  function restore() {
    const form = [...document.forms].find((candidate) => pathOf(candidate) === draft.path);
    if (!form) return;
    for (const field of fieldsOf(form)) {
      const isBox = ["checkbox", "radio"].includes(field.type);
      const kept = draft.fields.find(({ name, value }) => name === field.name && (!isBox || value === field.value));
      const isOffered = !field.options || [...field.options].some((option) => option.value === kept?.value);
      if (!kept || !isOffered) continue;
      draft.fields.splice(draft.fields.indexOf(kept), 1);
      if (isBox ? field.checked === kept.checked : field.value === kept.value) continue;
      if (isBox) field.checked = kept.checked;
      else field.value = kept.value;
      if (field.closest("details")) field.closest("details").open = true;
      if (field.hasAttribute("hx-post")) reloading ||= field;
      document.getElementById("restored").hidden = false;
    }
    if (!draft.hasFile) return;
    document.getElementById("restored").hidden = false;
    document.getElementById("restored-file").hidden = false;
  }

  document.addEventListener("submit", (event) => keep(event.target));
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "post") keep(event.detail.elt.closest("form"));
  });
  document.addEventListener("htmx:load", () => {
    if (!draft) return;
    restore();
    if (reloading) htmx.trigger(reloading, "change");
    else draft = null;
    reloading = null;
  });

  const kept = load();
  if (kept && !isAnswer) store({ ...kept, isUnanswered: true });
  else store(null);
  if (kept?.isUnanswered && isAnswer && kept.user === user) {
    draft = kept;
    restore();
  }
})();
