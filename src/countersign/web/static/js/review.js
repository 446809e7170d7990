// Reviewing, one after the other and by keys. The next one is here before it is asked for; it shows when the server
// says that it is in our hands and in nobody else's.

import { csrf, post, toast } from "./page.js";

const desk = document.querySelector("[data-review]");
const pane = document.getElementById("pane");
const queue = document.getElementById("queue");
const FRESH = 300_000; // milliseconds that what was loaded ahead may be old
const HOLD = 240_000; // half of what the server holds for us, and a bit less

let ahead = null;
let busy = false;

const query = () => desk.dataset.query;
const opened = () => pane.querySelector("[data-open]");
const current = () => Number(opened()?.dataset.open ?? 0);
const address = (id) => `/inbox/${id}?${query()}`;

async function piece(from) {
  const response = await fetch(from, { headers: { "HX-Request": "true" } });
  if (!response.ok) {
    location.assign(from);
    throw new Error(response.statusText);
  }
  return response.text();
}

/** Shows what *html* says of *id*, or asks for it, which takes it into our hands. */
async function show(id, { html = null, push = true } = {}) {
  pane.innerHTML = html ?? (await piece(address(id)));
  window.htmx?.process(pane);
  desk.classList.add("one-open");
  if (push) history.pushState({ id }, "", address(id));
  mark();
  offerKeys();
  document.getElementById("opened")?.focus();
  lookAhead();
}

function mark() {
  for (const link of queue.querySelectorAll("[data-item]")) {
    const here = Number(link.dataset.item) === current();
    link.closest("li").classList.toggle("current", here);
    link.toggleAttribute("aria-current", here);
    if (here) link.setAttribute("aria-current", "true");
  }
  const line = queue.querySelector("li.current");
  if (line) line.scrollIntoView({ block: "nearest" });
  return Boolean(line);
}

async function lookAhead() {
  const id = Number(pane.querySelector("[data-next]")?.dataset.next ?? 0);
  if (!id || ahead?.id === id) return;
  const response = await fetch(`${address(id)}&ahead=true`, { headers: { "HX-Request": "true" } });
  ahead = response.ok ? { id, html: await response.text(), at: Date.now() } : null;
}

/** Shows *id*, which the server has put into our hands; null: nothing waits. */
async function onward(id) {
  if (!id) return location.assign(`/inbox?${query()}`);
  const ready = ahead?.id === id && Date.now() - ahead.at < FRESH ? ahead.html : null;
  ahead = null;
  await show(id, { html: ready });
}

let renewed = 0;

/** Asks for the list again, without making the reviewer wait; of several that are under way the last one counts. */
async function renewList() {
  if (!current()) return;
  const turn = ++renewed;
  const html = await piece(`/inbox?${query()}&at=${current()}`);
  if (turn !== renewed) return;
  const chosen = new Set([...queue.querySelectorAll("[name=item]:checked")].map((box) => box.value));
  const top = queue.scrollTop;
  queue.innerHTML = html;
  window.htmx?.process(queue);
  for (const box of queue.querySelectorAll("[name=item]")) box.checked = chosen.has(box.value);
  allOrNone();
  queue.scrollTop = top;
  mark();
  window.htmx?.trigger(document.body, "inbox");
}

/** Only one thing at a time: a key that is pressed twice must not decide on what was not read. */
async function alone(work) {
  if (busy) return;
  busy = true;
  try {
    await work();
  } catch (error) {
    if (error.message) toast(error.message, 8000);
  } finally {
    busy = false;
  }
}

const next = () =>
  alone(async () => {
    const response = await post(`/inbox/next?${query()}`, current() ? { after: current() } : {});
    await onward((await response.json()).next);
    if (!mark()) renewList();
  });

const previous = () =>
  alone(async () => {
    const lines = [...queue.querySelectorAll("li:not([data-held]) [data-item]")];
    const place = lines.findIndex((link) => Number(link.dataset.item) === current());
    if (place > 0) await show(Number(lines[place - 1].dataset.item));
  });

const decide = (form, button) =>
  alone(async () => {
    const id = current();
    try {
      const response = await post(form.action, new FormData(form, button));
      const following = (await response.json()).next;
      toast(form.dataset.said, 6000, following === id ? null : { label: desk.dataset.see, act: () => show(id) });
      await onward(following);
    } catch (error) {
      if (!["already-decided", "in-other-hands", "not-suspended", "not-in-use"].includes(error.code)) throw error;
      toast(error.message, 8000);
      await show(id, { push: false });
    }
    renewList();
  });

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-said]")) decide(form, event.submitter);
  else if (form.matches("[data-next-form], .begin")) next();
  else return;
  event.preventDefault();
});

desk.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  const link = event.target.closest("[data-item]");
  const cite = event.target.closest("[data-cite]");
  if (link) alone(() => show(Number(link.dataset.item)));
  else if (cite) cited(cite.dataset.cite);
  else return;
  event.preventDefault();
});

function cited(number) {
  const source = document.getElementById(`source-${number}`);
  if (!source) return;
  source.open = true;
  source.closest("li").scrollIntoView({ block: "nearest" });
  source.querySelector("summary").focus({ preventScroll: true });
}

// -- keys

const keysOn = () => localStorage.getItem("keys") !== "off";
const acts = { v: "validate", e: "correct", x: "reject", l: "learn" };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape") return close(event);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && typing) return typing.form?.requestSubmit();
  if (!keysOn() || typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "j") next();
  else if (event.key === "k") previous();
  else if (acts[event.key]) act(acts[event.key]);
  else return;
  event.preventDefault();
});

/** Whoever speaks to the machine, or strays on the keyboard, can do without single keys. */
function offerKeys() {
  for (const box of pane.querySelectorAll("[data-keys]")) {
    box.checked = keysOn();
    box.closest("label").hidden = false;
  }
}

pane.addEventListener("change", (event) => {
  if (event.target.matches("[data-keys]")) localStorage.setItem("keys", event.target.checked ? "on" : "off");
});

function act(name) {
  const found = pane.querySelector(`[data-act="${name}"]`);
  if (!found) return;
  if (name === "validate" && pane.querySelector("[data-act][open]")) return; // what was begun there would be lost
  if (found.matches("form")) return found.requestSubmit();
  found.open = true;
  const field = found.querySelector("textarea");
  field.focus();
  if (name !== "correct") field.select();
}

function close(event) {
  const form = event.target.closest("details[data-act][open]");
  if (!form) return;
  form.open = false;
  form.querySelector("summary").focus();
}

// -- several at once

function allOrNone() {
  const all = queue.querySelector("[data-all]");
  if (!all) return;
  const boxes = [...queue.querySelectorAll("[name=item]")];
  const chosen = boxes.filter((box) => box.checked).length;
  all.hidden = false;
  all.checked = chosen > 0 && chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
}

queue.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const box of queue.querySelectorAll("[name=item]")) box.checked = event.target.checked;
  }
  allOrNone();
});

// -- what is looked at stays in our hands

// Not by post(): whoever is no longer signed in must not lose what they are typing.

async function keep() {
  if (document.visibilityState !== "visible" || opened()?.dataset.state !== "mine") return;
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf() };
  const response = await fetch(`/inbox/${current()}/take`, { method: "POST", headers });
  if (response.status === 409) toast((await response.json()).detail, 8000);
}
setInterval(keep, HOLD);
document.addEventListener("visibilitychange", () => {
  keep();
  if (document.visibilityState === "visible") renewList();
});
window.addEventListener("popstate", () => location.reload());

allOrNone();
mark();
offerKeys();
lookAhead();
