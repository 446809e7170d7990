// One conversation: a question goes up, the answer comes back piece by piece, the server's own drawing replaces it.

import { codeCopies } from "./code.js";
import { events } from "./events.js";
import { closeEvidence, early, showEvidence } from "./evidence.js";
import { post, say } from "./page.js";
import { sketch } from "./sketch.js";

const root = document.querySelector("[data-conversation]");
const session = root.dataset.conversation;
const thread = document.getElementById("thread");
const turns = thread.querySelector(".measure");
const end = document.getElementById("last");
const form = root.querySelector("form[data-talk]");
const words = document.getElementById("talk-words").dataset;
const spoken = document.getElementById("spoken");

const channel = new BroadcastChannel("countersign.chat");
const state = { message: null, running: false, stopping: false };

const draw = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const asPiece = { headers: { "HX-Request": "true" } };

// -- following the text down, unless the reader has scrolled up

let pinned = true;
thread.addEventListener("scroll", () => {
  pinned = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
});
const follow = () => {
  if (pinned) thread.scrollTop = thread.scrollHeight;
};

function busy(running) {
  state.running = running;
  if (!running) state.message = null;
  if (!form) return;
  form.querySelector("[data-send]").hidden = running;
  const stop = form.querySelector("[data-stop]");
  stop.hidden = !running;
  stop.disabled = !running;
}

function complain(text) {
  const problem = form?.querySelector("[data-problem]");
  if (!problem) return;
  problem.textContent = text;
  problem.hidden = !text;
}

/** What comes after *turn* belongs to another branch. */
function clearAfter(turn) {
  while (turn.nextElementSibling && turn.nextElementSibling !== end) turn.nextElementSibling.remove();
}

// -- asking: a further question, one put otherwise, or the same answered again

async function ask(text) {
  turns.querySelector(".opening")?.remove();
  const question = draw("question-template");
  question.querySelector(".bubble").textContent = text;
  const answer = draw("answer-template");
  end.before(question, answer);
  const after = form.elements.after?.value;
  const refused = await run(`/sessions/${session}/messages`, after ? { text, after } : { text }, answer, question);
  if (!refused) return;
  // Nothing was stored when the server refused; the question goes back into its box.
  question.remove();
  answer.remove();
  if (!form.elements.text.value) form.elements.text.value = text;
}

async function rewrite(turn, text) {
  clearAfter(turn);
  const answer = draw("answer-template");
  turn.after(answer);
  turn.querySelector("details").open = false;
  turn.querySelector(".bubble").textContent = text;
  await run(`/sessions/${session}/messages`, { text, instead_of: turn.querySelector("[name=instead_of]").value }, answer, turn);
  await refresh();
}

async function regenerate(earlier) {
  clearAfter(earlier);
  const answer = draw("answer-template");
  const address = `/messages/${earlier.dataset.message}/regenerate`;
  earlier.replaceWith(answer);
  if (await run(address, {}, answer)) await refresh();
}

/** Sends and reads on to the end; resolves to whether the server refused. */
async function run(address, fields, answer, question = null) {
  complain("");
  busy(true);
  state.stopping = false;
  pinned = true;
  follow();
  try {
    const response = await post(address, fields, { accept: "text/event-stream, application/json" });
    await read(response, answer, question);
  } catch (error) {
    if (!state.message) {
      complain(error.message || say("failed"));
      return true;
    }
    await reconnect(answer, state.message);
  } finally {
    busy(false);
  }
  return false;
}

/** Reads an answer that is being written already: the page was opened or reloaded meanwhile, or the line was cut. */
async function attach(answer) {
  const message = answer.dataset.message;
  busy(true);
  state.message = message;
  state.stopping = false;
  try {
    await reconnect(answer, message);
  } finally {
    busy(false);
  }
}

async function reconnect(answer, message) {
  for (const wait of [0, 500, 1000, 2000, 4000, 8000, 15_000, 30_000]) {
    await pause(wait);
    try {
      const response = await fetch(`/messages/${message}/stream`);
      if (response.ok) return await read(response, answer);
    } catch {
      // The line is still cut: once more, a little later.
    }
    const phase = answer.querySelector("[data-phase]");
    if (phase) phase.textContent = words.lost;
  }
  complain(words.lost);
}

async function read(response, answer, question = null) {
  let finished = false;
  let said = "";
  const phase = () => answer.querySelector("[data-phase]") ?? document.createElement("span");
  const text = answer.querySelector("[data-text]");
  for await (const { event, data } of events(response)) {
    if (event === "start") {
      state.message = data.message;
      // What is written now is the newest, which is shown without being named; the address may name an older version.
      history.replaceState(null, "", location.pathname);
      answer.id = `m-${data.message}`;
      answer.dataset.message = data.message;
      if (question) {
        question.id = `m-${data.question}`;
        for (const field of question.querySelectorAll("[name=instead_of]")) field.value = data.question;
        const again = question.querySelector("[data-rewrite] textarea");
        if (again) again.value = question.querySelector(".bubble").textContent;
      }
      spoken.textContent = words.started;
      channel.postMessage({ session, message: data.message });
      if (state.stopping) stop();
    } else if (event === "sources") {
      phase().textContent = data.items.length ? words.reading : words.writing;
      early(data.items, state.message);
    } else if (event === "token") {
      if (!said) phase().textContent = words.writing;
      said += data.text;
      drawText(text, said);
      follow();
    } else if (event === "done" || event === "error") {
      finished = true;
      spoken.textContent = data.status === "stopped" ? words.stopped : words.finished;
      if (event === "error") complain(data.detail);
    }
  }
  if (!finished) throw new Error(words.lost);
  await settle(answer, state.message);
}

let drawing = 0;

/** At most once a frame, however fast the pieces come. */
function drawText(place, said) {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    place.replaceChildren(sketch(said));
    follow();
  });
}

/** Replaces the plain text by what the server draws of the stored answer. */
async function settle(answer, message) {
  const response = await fetch(`/messages/${message}/fragment`, asPiece);
  if (!response.ok) return;
  cancelAnimationFrame(drawing);
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  const drawn = holder.content.querySelector("article");
  answer.replaceWith(drawn);
  window.htmx?.process(drawn);
  follow();
  newest();
  for (const one of document.querySelectorAll("[data-said]")) one.hidden = false;
  showEvidence(`/messages/${message}/sources`, { reveal: false });
  window.htmx?.trigger("#session-list", "refresh");
  const others = await fetch(`/sessions?current=${session}`, asPiece).catch(() => null);
  const list = document.createElement("template");
  list.innerHTML = others?.ok ? await others.text() : "";
  const name = list.content.querySelector("[aria-current] .name")?.textContent;
  if (!name) return;
  document.getElementById("title").textContent = name;
  document.getElementById("new-title").defaultValue = name;
}

/** A further question follows the answer that is shown last. */
function newest() {
  if (!form) return;
  let field = form.elements.after;
  if (!field) {
    field = Object.assign(document.createElement("input"), { type: "hidden", name: "after" });
    form.append(field);
  }
  field.value = [...turns.querySelectorAll("article.answer")].at(-1)?.dataset.message ?? "";
}

/** The conversation as the server has it, when it is another than this page shows. */
async function refresh(at = null, { force = true } = {}) {
  const response = await fetch(`/sessions/${session}${at ? `?at=${at}` : location.search}`, asPiece);
  if (!response.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  const shape = (root) => [...root.querySelectorAll("article")].map((one) => one.id + (one.dataset.status ?? "")).join();
  if (!force && shape(holder.content) === shape(turns)) return;
  if (state.running) return;
  while (turns.firstElementChild !== end) turns.firstElementChild.remove();
  end.before(holder.content);
  window.htmx?.process(turns);
  newest();
  resume();
}

function resume() {
  const writing = turns.querySelector("article.writing[data-message]");
  if (writing && !state.running) attach(writing);
}

async function stop() {
  state.stopping = true;
  form.querySelector("[data-stop]").disabled = true;
  if (state.message) await post(`/messages/${state.message}/stop`, {}).catch((error) => complain(error.message));
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = form.elements.text.value.trim();
    if (!text || state.running) return;
    form.elements.text.value = "";
    form.elements.text.focus();
    ask(text);
  });
  form.querySelector("[data-stop]").addEventListener("click", () => {
    form.elements.text.focus();
    stop();
  });
  const waiting = sessionStorage.getItem(`ask:${session}`);
  sessionStorage.removeItem(`ask:${session}`);
  form.elements.text.focus({ preventScroll: true });
  if (waiting) ask(waiting);
}
codeCopies(turns, words);
resume();

// -- what happens in other windows is seen here

channel.addEventListener("message", ({ data }) => {
  if (data.session === session && !state.running) refresh(null, { force: false });
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !state.running) refresh(null, { force: false });
});

// -- versions

turns.addEventListener("submit", (event) => {
  const again = event.target.closest("form[data-regenerate]");
  const otherwise = event.target.closest("form[data-rewrite]");
  if (!again && !otherwise) return;
  event.preventDefault();
  if (state.running) return;
  if (again) regenerate(again.closest("article"));
  else rewrite(otherwise.closest("article"), otherwise.elements.text.value.trim());
});
turns.addEventListener(
  "toggle",
  (event) => {
    if (!event.target.matches?.("details.rewrite[open]")) return;
    const cancel = event.target.querySelector("[data-cancel]");
    cancel.hidden = false;
    cancel.onclick = () => (event.target.open = false);
    event.target.querySelector("textarea").focus();
  },
  true,
);
turns.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-version]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (state.running) return;
  const address = new URL(link.href);
  history.replaceState(null, "", address);
  const at = address.searchParams.get("at");
  await refresh(at);
  document.getElementById(`m-${at}`)?.querySelector(".versions a")?.focus();
});

// -- the evidence

root.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-cite], a[data-sources]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  showEvidence(link.getAttribute("href"), { from: link });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeEvidence();
});

if (location.hash.startsWith("#m-")) document.getElementById(location.hash.slice(1))?.scrollIntoView();
else thread.scrollTop = thread.scrollHeight;
