// Each block of code can be copied.

/** Gives the blocks of code in *root* a button with *words* (copy, copied), also those that come later. */
export function codeCopies(root, { copyCode, copied }) {
  if (!navigator.clipboard) return;
  const equip = () => {
    for (const block of root.querySelectorAll(".answer:not(.writing) .prose pre:not(.equipped)")) {
      block.classList.add("equipped");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet copy-code";
      const said = block.cloneNode(true);
      for (const why of said.querySelectorAll(".why")) why.remove(); // what is said about a figure is no code
      button.dataset.copy = said.textContent.replace(/\n$/, "");
      button.dataset.copied = copied;
      const name = document.createElement("span");
      name.textContent = copyCode;
      button.append(name);
      block.before(button);
    }
  };
  equip();
  new MutationObserver(equip).observe(root, { childList: true, subtree: true });
}
