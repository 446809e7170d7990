// One conversation: a question goes up, the answer comes back piece by piece, the server's own drawing replaces it.

import { events } from "./events.js";
import { closeEvidence, early, showEvidence } from "./evidence.js";
import { post, say } from "./page.js";

const root = document.querySelector("[data-conversation]");
const session = root.dataset.conversation;
const thread = document.getElementById("thread");
const turns = thread.querySelector(".measure");
const end = document.getElementById("last");
const form = root.querySelector("form[data-talk]");
const words = document.getElementById("talk-words").dataset;
const spoken = document.getElementById("spoken");

const state = { message: null, running: false, stopping: false };

const draw = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

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
  form.querySelector("[data-send]").hidden = running;
  const stop = form.querySelector("[data-stop]");
  stop.hidden = !running;
  stop.disabled = !running;
}

function complain(text) {
  const problem = form.querySelector("[data-problem]");
  problem.textContent = text;
  problem.hidden = !text;
}

async function ask(text) {
  turns.querySelector(".opening")?.remove();
  complain("");
  busy(true);
  state.stopping = false;
  const question = draw("question-template");
  question.querySelector(".bubble").textContent = text;
  const answer = draw("answer-template");
  end.before(question, answer);
  pinned = true;
  follow();
  try {
    const response = await post(
      `/sessions/${session}/messages`,
      { text },
      { accept: "text/event-stream, application/json" },
    );
    await read(response, answer);
  } catch (error) {
    // Nothing was stored when the server refused; the question goes back into its box.
    if (!state.message) {
      question.remove();
      answer.remove();
      if (!form.elements.text.value) form.elements.text.value = text;
      complain(error.message || say("failed"));
    } else {
      answer.querySelector("[data-phase]").textContent = words.lost;
      await settle(answer, state.message);
    }
  } finally {
    busy(false);
  }
}

/** The text so far, as nodes: bold and citations only. The server draws the whole of it once it is finished. */
function sketch(text) {
  const drawn = document.createDocumentFragment();
  for (const piece of text.replace(/\*+$/, "").split(/(\*\*[^*]+(?:\*\*|$)|\[\d{1,2}\])/)) {
    const kind = piece.startsWith("**") ? "strong" : /^\[\d+\]$/.test(piece) ? "span" : null;
    const node = kind ? document.createElement(kind) : document.createTextNode(piece);
    if (kind === "strong") node.textContent = piece.replaceAll("**", "");
    if (kind === "span") {
      node.className = "cite";
      node.textContent = piece.slice(1, -1);
    }
    drawn.append(node);
  }
  return drawn;
}

async function read(response, answer) {
  const phase = answer.querySelector("[data-phase]");
  const text = answer.querySelector("[data-text]");
  let finished = false;
  let said = "";
  for await (const { event, data } of events(response)) {
    if (event === "start") {
      state.message = data.message;
      answer.id = `m-${data.message}`;
      spoken.textContent = words.started;
      if (state.stopping) stop();
    } else if (event === "sources") {
      phase.textContent = data.items.length ? words.reading : words.writing;
      early(data.items, data.message ?? state.message);
    } else if (event === "token") {
      if (!said) phase.textContent = words.writing;
      said += data.text;
      text.replaceChildren(sketch(said));
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

/** Replaces the plain text by what the server draws of the stored answer. */
async function settle(answer, message) {
  const response = await fetch(`/messages/${message}/fragment`, { headers: { "HX-Request": "true" } });
  if (!response.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  const drawn = holder.content.querySelector("article");
  answer.replaceWith(drawn);
  window.htmx?.process(drawn);
  follow();
  showEvidence(`/messages/${message}/sources`, { reveal: false });
  window.htmx?.trigger("#session-list", "refresh");
  const title = document.getElementById("title");
  if (turns.querySelectorAll(".question").length === 1) {
    title.textContent = turns.querySelector(".bubble").textContent.slice(0, 80);
  }
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
