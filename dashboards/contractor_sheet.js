// Sends a file of positions to the depot and shows what became of each row that was refused.
"use strict";

const form = document.getElementById("upload");
const uploaded = document.getElementById("uploaded");

function show(text, bad, rows = []) {
  const said = document.createElement("p");
  said.className = bad ? "said bad" : "said";
  said.textContent = text;
  const list = document.createElement("ul");
  for (const { row, why } of rows) {
    const item = document.createElement("li");
    item.textContent = `${form.dataset.row} ${row}: ${why}`;
    list.append(item);
  }
  uploaded.replaceChildren(said, ...(rows.length ? [list] : []));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch("/contractor/positions", {
      method: "POST",
      headers: { "Content-Type": "text/csv", "X-CSRF-Token": form.elements.csrf.value },
      body: form.elements.file.files[0],
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail ?? answer.status);
    const text = form.dataset.stored.replace("{stored}", told.stored).replace("{refused}", told.refused_rows);
    show(text, told.refused_rows > 0, told.refused);
  } catch (error) {
    show(form.dataset.failed + error.message, true);
  } finally {
    button.disabled = false;
  }
});
