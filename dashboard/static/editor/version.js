// Brings an earlier version of the site file back, and says what the agent answers.
import { h } from "./dom.js";
import { ask, follow, newId } from "./server.js";

const form = document.getElementById("restore");

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const told = document.getElementById("told");
  const words = JSON.parse(form.dataset.words);
  const tell = (state, text) => told.replaceChildren(h("div", { class: `outcome o-${state}` }, h("strong", { class: "outcome-word" }, words[`state_${state}`]), h("span", {}, text)));
  button.disabled = true;
  try {
    const body = { base_sha256: form.dataset.base, version: Number(form.dataset.version), reason: document.getElementById("reason").value, request_id: newId() };
    const last = await follow(await ask("/api/v1/site/restore", body), tell);
    if (last.state === "done") location.assign("/site/versions");
  } catch (error) {
    tell("refused", error.message);
  } finally {
    button.disabled = false;
  }
});
