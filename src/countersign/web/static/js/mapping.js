// A field is dragged onto the column of a file that fills it; the select of that column takes it over.

const columns = () => [...document.querySelectorAll("[data-column]")];
let carried = null;

const show = () => {
  const taken = new Set(columns().map((row) => row.querySelector("select").value));
  for (const list of document.querySelectorAll("[data-fields]")) {
    list.hidden = false;
    for (const chip of list.querySelectorAll("[data-field]")) chip.toggleAttribute("data-taken", taken.has(chip.dataset.field));
  }
};

const mark = (over) => {
  for (const row of columns()) row.toggleAttribute("data-over", row === over);
};

document.addEventListener("dragstart", (event) => {
  carried = event.target.closest?.("[data-field]")?.dataset.field ?? null;
  if (carried) event.dataTransfer.setData("text/plain", carried);
});

document.addEventListener("dragover", (event) => {
  const row = carried && event.target.closest?.("[data-column]");
  mark(row);
  if (row) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const row = carried && event.target.closest?.("[data-column]");
  if (!row) return;
  event.preventDefault();
  const select = row.querySelector("select");
  // A field has one column: the one that had it gives it up.
  for (const other of columns()) {
    const before = other.querySelector("select");
    if (before !== select && before.value === carried) before.value = "";
  }
  select.value = carried;
  select.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("dragend", () => {
  carried = null;
  mark(null);
});

document.addEventListener("change", show);
document.addEventListener("htmx:afterSettle", show);
show();
