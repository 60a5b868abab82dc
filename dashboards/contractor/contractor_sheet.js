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

// The depot takes 50,000 rows at once: a longer file goes in parts, each under the file's own head.
const ROWS = 10000;

function* partsOf(bytes) {
  const end = bytes.includes(10) ? 10 : 13;
  const head = bytes.subarray(0, bytes.indexOf(end) + 1);
  if (!head.length) return yield { body: bytes, before: 0 };
  let at = head.length;
  let before = 0;
  do {
    let next = at;
    for (let row = 0; row < ROWS && next < bytes.length; row += 1) next = bytes.indexOf(end, next) + 1 || bytes.length;
    yield { body: new Blob([head, bytes.subarray(at, next)]), before };
    [at, before] = [next, before + ROWS];
  } while (at < bytes.length);
}

async function send(body) {
  const answer = await fetch("/contractor/positions", {
    method: "POST",
    headers: { "Content-Type": "text/csv", "X-CSRF-Token": form.elements.csrf.value },
    body,
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail ?? answer.status);
  return told;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const told = { stored: 0, refused_rows: 0, refused: [] };
    const bytes = new Uint8Array(await form.elements.file.files[0].arrayBuffer());
    for (const { body, before } of partsOf(bytes)) {
      const part = await send(body);
      told.stored += part.stored;
      told.refused_rows += part.refused_rows;
      told.refused.push(...part.refused.map(({ row, why }) => ({ row: row + before, why })));
    }
    told.refused.length = Math.min(told.refused.length, 1000);
    const text = form.dataset.stored.replace("{stored}", told.stored).replace("{refused}", told.refused_rows);
    show(text, told.refused_rows > 0, told.refused);
  } catch (error) {
    show(form.dataset.failed + error.message, true);
  } finally {
    button.disabled = false;
  }
});
