// Orders and the shelf: forms that ask the agent, and a register that keeps itself up to date.
import { h } from "./editor/dom.js";
import { ask, follow, newId } from "./editor/server.js";

const live = document.getElementById("orders");
const words = JSON.parse(live.dataset.words);
const AGAIN_MS = 30000;

function bodyOf(form) {
  const body = { request_id: newId() };
  if (form.dataset.verb) return { ...body, verb: form.dataset.verb, expected_revision: Number(form.dataset.revision) };
  for (const [name, value] of new FormData(form)) {
    if (name === "zone" && !value) continue;
    body[name] = name === "hours" ? Number(value) : value.trim();
  }
  return body;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.classList.contains("request")) return;
  event.preventDefault();
  const button = form.querySelector("button");
  const told = form.querySelector(".told");
  const tell = (state, text) => told.replaceChildren(h("div", { class: `outcome o-${state}` }, h("strong", { class: "outcome-word" }, words[`state_${state}`]), h("span", {}, text)));
  button.disabled = true;
  try {
    const last = await follow(await ask(form.dataset.path, bodyOf(form)), tell);
    if (last.state !== "done") return;
    if (form.classList.contains("grant")) form.querySelector("[name=reason]").value = "";
    document.activeElement?.blur();
    await refresh();
  } catch (error) {
    tell("refused", error.message);
  } finally {
    button.disabled = false;
  }
});

// A form that somebody is writing in stays as it is, and what they have written is kept.
const writing = () => live.contains(document.activeElement) && document.activeElement.tagName === "INPUT";
let asked = 0;

async function refresh() {
  if (writing()) return;
  const mine = ++asked;
  const answer = await fetch(`${live.dataset.fragment}?lang=${document.documentElement.lang}`, { headers: { "X-Fragment": "1" } }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = await answer.text();
  if (mine !== asked || writing()) return; // a newer answer comes, or somebody has begun meanwhile
  const open = [...live.querySelectorAll("details[open][id]")].map((one) => one.id);
  const written = [...live.querySelectorAll("input[id]")].filter((one) => one.value !== one.defaultValue);
  live.replaceChildren(fresh.content);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const { id, value } of written) {
    const again = document.getElementById(id);
    if (again) again.value = value;
  }
}

for (const news of ["alarm", "request", "back"]) document.body.addEventListener(`news-${news}`, refresh);
setInterval(refresh, AGAIN_MS);

// Only the zones of the chosen area are offered.
const area = document.getElementById("area");
function offer() {
  for (const one of document.querySelectorAll("#zone option[data-area]")) {
    one.hidden = one.disabled = one.dataset.area !== area.value;
    if (one.selected && one.disabled) document.getElementById("zone").value = "";
  }
}
area?.addEventListener("change", offer);
if (area) offer();
