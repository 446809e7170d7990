// The question boxes: growing, Enter to send, and opening a conversation before its page asks.

import { post, say } from "./page.js";

const grows = CSS.supports("field-sizing: content");

document.addEventListener("input", (event) => {
  if (grows || !event.target.matches("textarea[data-grow]")) return;
  event.target.rows = Math.min(12, Math.max(event.target.value.split("\n").length, 1));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (!event.target.matches("textarea[data-grow]")) return;
  event.preventDefault();
  if (event.target.value.trim()) event.target.form.requestSubmit();
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-ask]");
  if (!form) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const text = String(fields.get("text") ?? "").trim();
  if (!text) return;
  const problem = document.querySelector("[data-problem]");
  problem.hidden = true;
  try {
    const opened = await (await post("/ask", { agent: fields.get("agent"), text })).json();
    sessionStorage.setItem(`ask:${opened.session}`, text);
    location.assign(opened.address);
  } catch (error) {
    if (error.code === "agent-unclear") {
      location.assign(`/ask?${new URLSearchParams({ text: text.slice(0, 2000) })}`);
      return;
    }
    problem.textContent = error.message || say("failed");
    problem.hidden = false;
  }
});
