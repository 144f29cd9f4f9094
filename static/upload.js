// The upload page: drop a file, and see the progress of sending it. Without this script the form is sent as any other.
(function () {
  const KB = 1024;
  const announce = (text) => { document.getElementById("announce").textContent = text; };

  function size(bytes) {
    if (bytes < 1000 * KB) return `${Math.ceil(bytes / KB)} KB`;
    return bytes < 1000 * KB * KB ? `${(bytes / KB / KB).toFixed(1)} MB` : `${(bytes / KB ** 3).toFixed(2)} GB`;
  }
  function timeLeft(seconds) {
    if (!isFinite(seconds) || seconds < 2) return "";
    return seconds < 90 ? `, ${Math.round(seconds)} s left` : `, ${Math.round(seconds / 60)} min left`;
  }

  function enhance(form) {
    const input = form.querySelector("input[type=file]");
    const area = form.querySelector(".drop");
    const progress = form.querySelector(".progress");
    const button = form.querySelector("[type=submit]");

    for (const name of ["dragenter", "dragover"]) {
      area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
    }
    for (const name of ["dragleave", "drop"]) area.addEventListener(name, () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      if (!event.dataTransfer.files.length) return;
      const [file] = event.dataTransfer.files;
      const one = new DataTransfer();
      one.items.add(file);
      input.files = one.files;
      announce(`${file.name} is selected.`);
      button.focus();
    });

    form.addEventListener("submit", (event) => {
      const [file] = input.files;
      if (!file) return; // the server says what is missing
      event.preventDefault();
      if (button.getAttribute("aria-busy") === "true") return;
      send(file);
    });

    function send(file) {
      const request = new XMLHttpRequest();
      const start = Date.now();
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        const share = loaded / total;
        progress.querySelector("progress").value = share * 100;
        progress.querySelector(".num").textContent = `${Math.floor(share * 100)} %`;
        const left = ((Date.now() - start) / 1000) * (total / loaded - 1);
        progress.querySelector(".muted").textContent = share < 1
          ? `${size(loaded)} of ${size(total)}${timeLeft(left)}` : "Sent. The server is storing the file.";
      });
      request.addEventListener("load", () => answered(request));
      request.addEventListener("error", () => stopped("The upload was interrupted. Check the connection and try again."));
      button.setAttribute("aria-busy", "true");
      progress.hidden = false;
      announce(`Uploading ${file.name}.`);
      request.open("POST", form.action);
      request.send(new FormData(form));
    }

    function answered(request) {
      if (request.status < 300) { location.assign(request.responseURL); return; } // it was redirected
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const next = page.getElementById("upload");
      if (!next) {
        stopped(page.querySelector("main")?.innerText.trim() || "The upload failed. Try again.");
        return;
      }
      form.replaceWith(next);
      enhance(next);
      (next.querySelector("[aria-invalid=true]") || next.querySelector("[type=submit]")).focus();
      announce(next.querySelector(".errorlist, [role=alert]")?.innerText || "");
    }

    function stopped(sentence) {
      button.removeAttribute("aria-busy");
      progress.hidden = true;
      const notice = document.getElementById("request-error");
      notice.querySelector("p").textContent = sentence;
      notice.hidden = false;
    }
  }

  enhance(document.getElementById("upload"));
})();
