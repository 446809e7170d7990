// What every page needs: the session's token on htmx requests, theme, menus, undoable deletion, the reader's time zone.

import "./ask.js";
import "./upload.js";
import { cookie, csrf, say, toast } from "./page.js";

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = csrf();
});
document.addEventListener("htmx:sendError", () => toast(say("failed")));
document.addEventListener("htmx:responseError", (event) => {
  const drawn = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const lines = [...drawn.querySelectorAll("[role=alert] p:not(.fine)")].map((line) => line.textContent);
  toast(lines.join(" ") || say("failed"));
});

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) cookie("tz", zone);

// -- theme: as the system, light, dark, and round again

const order = ["auto", "light", "dark"];
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-switch]");
  if (!button) return;
  event.preventDefault();
  const root = document.documentElement;
  const theme = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
  root.dataset.theme = theme;
  cookie("theme", theme);
  const label = say(`theme${theme[0].toUpperCase()}${theme.slice(1)}`);
  button.title = label;
  button.setAttribute("aria-label", label);
  button.value = order[(order.indexOf(theme) + 1) % order.length];
});

// -- menus close on Escape and on a click elsewhere

const menus = () => document.querySelectorAll("details[data-menu][open]");
document.addEventListener("click", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  // A tooltip must go away without moving the focus.
  const doubt = document.activeElement?.closest?.(".doubt");
  doubt?.classList.add("hushed");
  doubt?.addEventListener("blur", () => doubt.classList.remove("hushed"), { once: true });
});

// -- where one is stays in sight among tabs that do not fit

for (const tabs of document.querySelectorAll(".tabs")) {
  const here = tabs.querySelector("[aria-current]");
  if (here) tabs.scrollLeft = here.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
}

// -- copying

const reveal = (root) => {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll?.("[data-copy]") ?? []) button.hidden = false;
};
reveal(document);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) reveal(node);
}).observe(document.body, { childList: true, subtree: true });

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const words = button.querySelector("span");
  const before = words.textContent;
  words.textContent = button.dataset.copied;
  setTimeout(() => (words.textContent = before), 1500);
});

// -- deletion waits ten seconds for a change of mind, and happens at once if the page is left

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-undoable]");
  if (!form || form.dataset.sure) return;
  event.preventDefault();
  for (const menu of menus()) menu.open = false;
  const send = () =>
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true });
  const leave = () => send();
  const timer = setTimeout(() => {
    window.removeEventListener("pagehide", leave);
    form.dataset.sure = "yes";
    form.requestSubmit();
  }, 10_000);
  window.addEventListener("pagehide", leave, { once: true });
  toast(form.dataset.undoable, 10_000, {
    label: say("undo"),
    act: () => {
      clearTimeout(timer);
      window.removeEventListener("pagehide", leave);
    },
  });
});

// -- filters apply as they change; without script their button does it

document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-live] select")) event.target.form.requestSubmit();
});

// -- a branch opened in the instant before htmx heard of it loads all the same

document.addEventListener("htmx:load", (event) => {
  for (const early of event.target.querySelectorAll("details[open][hx-get]")) window.htmx.trigger(early, "toggle");
});
