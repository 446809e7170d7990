// Files go up one by one, each with its bar; without script the form sends them all at once.

import { csrf, say } from "./page.js";

const send = (form, file, bar) =>
  new Promise((resolve, reject) => {
    const fields = new FormData(form);
    fields.delete("file");
    fields.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.addEventListener("load", () => {
      if (request.status < 300 && request.response) resolve(request.response.items[0]);
      else reject(new Error(request.response?.detail ?? say("failed")));
    });
    request.addEventListener("error", () => reject(new Error(say("failed"))));
    request.send(fields);
  });

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-upload]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  const list = form.querySelector("[data-files]");
  const waiting = [...form.elements.file.files].map((file) => {
    const line = document.createElement("li");
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    const words = document.createElement("span");
    name.textContent = file.name;
    bar.setAttribute("aria-label", file.name);
    line.append(name, bar, words);
    list.append(line);
    return { file, bar, words };
  });
  button.disabled = true;
  let failed = 0;
  for (const { file, bar, words } of waiting) {
    try {
      const taken = await send(form, file, bar);
      if (taken.at) return location.assign(taken.at);
      bar.value = 1;
      words.textContent = taken.duplicate ? form.dataset.known : form.dataset.taken;
    } catch (error) {
      failed += 1;
      bar.value = 0;
      words.textContent = error.message;
      words.setAttribute("role", "alert");
    }
  }
  button.disabled = false;
  form.elements.file.value = "";
  if (form.elements.replace && !failed) location.assign("/records/documents");
  else if (document.getElementById("results")) htmx.ajax("GET", location.href, "#results");
});
