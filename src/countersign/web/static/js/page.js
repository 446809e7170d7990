// Small things that several modules use.

export const csrf = () => document.querySelector("meta[name=csrf-token]").content;

/** Words in the reader's language, from the attributes of the body. */
export const say = (name) => document.body.dataset[name] ?? "";

export function cookie(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

/** A line at the edge of the page for *ms*, with one thing to do about it. */
export function toast(text, ms = 5000, action = null) {
  const box = document.createElement("div");
  box.className = "toast";
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      action.act();
      box.remove();
    });
    box.append(button);
  }
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), ms);
}

/** Sends a form's fields; resolves to the response or throws the server's own words. */
export async function post(address, fields, { accept = "application/json", signal } = {}) {
  const response = await fetch(address, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { Accept: accept, "X-CSRF-Token": csrf() },
    signal,
  });
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail ?? say("failed")), { code: problem.code });
  }
  return response;
}
