// The panel at the right: what an answer rests on. On narrow screens it slides over the conversation.

const panel = document.getElementById("evidence");
let opener = null;

/** Loads the evidence at *address* into the panel; *from* gets the focus back when it closes. */
export async function showEvidence(address, { from = null, reveal = true } = {}) {
  if (from && !panel.contains(from)) opener = from;
  panel.setAttribute("aria-busy", "true");
  const response = await fetch(address, { headers: { "HX-Request": "true" } });
  panel.removeAttribute("aria-busy");
  if (!response.ok) {
    location.assign(address);
    return;
  }
  panel.innerHTML = await response.text();
  window.htmx?.process(panel);
  const number = address.match(/\/sources\/(\d+)$/)?.[1];
  mark(address, number);
  if (!reveal) return;
  panel.classList.add("shown");
  const open = panel.querySelector(".source.open");
  // Only the panel scrolls: scrollIntoView would move the page as well.
  if (open) panel.scrollTop = open.offsetTop - panel.querySelector("header").offsetHeight;
  (open?.querySelector(".head") ?? panel).focus({ preventScroll: true });
}

/** Says in the text which citation is open. */
function mark(address, number) {
  for (const link of document.querySelectorAll(".cite")) {
    link.classList.toggle("open", Boolean(number) && link.getAttribute("href") === address);
  }
}

/** The sources of an answer that is still being written, as they came. */
export function early(items) {
  const list = document.createElement("ol");
  list.className = "sources";
  for (const item of items) {
    const row = document.createElement("li");
    row.className = "source";
    const head = document.createElement("div");
    head.className = "head";
    const number = document.createElement("span");
    number.className = "no";
    number.textContent = item.n;
    const what = document.createElement("span");
    what.className = "what";
    if (item.code) {
      const code = document.createElement("span");
      code.className = "code fine";
      code.textContent = item.code;
      what.append(code);
    }
    const title = document.createElement("strong");
    title.textContent = item.title;
    what.append(title);
    head.append(number, what);
    row.append(head);
    list.append(row);
  }
  for (const old of panel.querySelectorAll(".sources, .none")) old.remove();
  panel.append(list);
}

export function closeEvidence() {
  if (!panel.classList.contains("shown")) return;
  panel.classList.remove("shown");
  if (opener?.isConnected && getComputedStyle(panel).position === "fixed") opener.focus();
}

panel.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-evidence]")) closeEvidence();
});
