// The report's only script: the parameter table's search. Without it every row is shown.

export const SCRIPT = `
"use strict";
const tools = document.querySelector("#parameters .tools");
if (tools) {
  const rows = [...document.querySelectorAll("#parameters tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const search = tools.querySelector("input");
  const chips = [...tools.querySelectorAll("button")];
  const output = tools.querySelector("output");
  const show = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const wanted = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.finding);
    let shown = 0;
    for (const { row, text } of rows) {
      const isWanted = (wanted.length === 0 || wanted.includes(row.dataset.finding)) && words.every((word) => text.includes(word));
      row.hidden = !isWanted;
      if (isWanted) shown++;
    }
    output.textContent = shown === rows.length ? "" : shown + " of " + rows.length;
  };
  search.addEventListener("input", show);
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      show();
    });
  }
  tools.hidden = false;
  show();
}
`;
