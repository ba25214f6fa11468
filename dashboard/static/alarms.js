// The alarm list: keeps its rows true, keys, ticking, acknowledging many, sound.
const list = document.getElementById("alarm-list");
const said = document.getElementById("said");
const page = () => list.querySelector("[data-list]");
const query = () => location.search;
const FOLLOW_MS = 1000;

function say(text) {
  said.textContent = "";
  requestAnimationFrame(() => { said.textContent = text; });
}

// The dashboard has answered that it does not do it; without an answer nobody knows.
class Refused extends Error {}

async function fetched(source, options = {}) {
  const answer = await fetch(source, {
    ...options,
    headers: { "X-Fragment": "1", ...options.headers },
    signal: AbortSignal.timeout(10000),
  });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(typeof problem.detail === "string" ? problem.detail : `answer ${answer.status}`);
  }
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

// ---------------------------------------------------------------- rows

const rows = (root = list) => [...root.querySelectorAll("tr.row")];
const link = (row) => row.querySelector(".c-alarm a");
const box = (row) => row.querySelector(".c-tick input");
const idOf = (box) => box.value.slice(0, box.value.lastIndexOf(":"));

// A row that differs is exchanged; what is ticked stays ticked with the revision that was looked
// at, so that a change meanwhile is met as a conflict and not acknowledged unseen.
function exchange(old, fresh) {
  const ticked = box(old)?.checked ? box(old).value : null;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const part = focused === link(old) ? "link" : focused === box(old) ? "box" : null;
  const now = box(fresh);
  if (ticked && now) { now.checked = true; now.value = ticked; }
  if (old.isEqualNode(fresh) && (!ticked || now)) return;
  old.replaceWith(fresh);
  if (part === "link") link(fresh).focus({ preventScroll: true });
  if (part === "box" && now) now.focus({ preventScroll: true });
}

let busy = false;
let again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const fresh = await fetched(`/fragments/alarms${query() || defaults()}`);
    take(fresh);
    if (page().dataset.live !== "yes") {
      const at = encodeURIComponent(page().dataset.at);
      const joint = (query() || defaults()) ? "&" : "?";
      const found = await fetched(`/fragments/alarms/new${query() || defaults()}${joint}at=${at}`);
      document.getElementById("new-alarms").replaceChildren(found);
    }
  } catch {
    setTimeout(refresh, 3000);
  } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 300); }
  }
}

// The address may be bare while the person's default view is shown.
function defaults() {
  return list.dataset.query ?? "";
}

// What the list holds now stands on the page: an alarm that no longer belongs to it goes, one that
// does comes, whatever filter is set. Of the pages after the first only a bar tells what came before.
function take(fresh) {
  const now = fresh.querySelector("[data-list]");
  const old = page();
  if (old.dataset.live !== "yes") now.dataset.at = old.dataset.at;
  if (!rows().length || !rows(fresh).length) list.replaceChildren(fresh);
  else merge(old, now);
  counted();
}

function merge(old, now) {
  const body = old.querySelector("tbody");
  const known = new Map(rows(old).map((row) => [row.id, row]));
  const came = [];
  let before = null;
  for (const row of rows(now)) {
    const there = known.get(row.id);
    known.delete(row.id);
    if (there) exchange(there, row);
    else { row.classList.add("fresh"); came.push(row); }
    const place = document.getElementById(row.id) ?? row;
    const wanted = before ? before.nextSibling : body.firstChild;
    if (place !== wanted && !(place.contains(document.activeElement) && place.isConnected)) body.insertBefore(place, wanted);
    before = place;
  }
  for (const gone of known.values()) leave(gone);
  for (const part of [".list-count", ".rest"]) old.querySelector(part).replaceWith(now.querySelector(part));
  old.dataset.at = now.dataset.at;
  if (came.length) say(came.map((row) => `${row.querySelector(".word").textContent}: ${link(row).textContent}, ${row.querySelector(".c-area").textContent}`).join("; "));
}

// Who stands on a row that goes stands on its neighbour.
function leave(row) {
  const stood = row.contains(document.activeElement);
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (stood && next) link(next).focus({ preventScroll: true });
}

for (const news of ["news-alarm", "news-back"]) document.body.addEventListener(news, refresh);

// ---------------------------------------------------------------- ticking, acknowledging

const ticked = () => rows().map(box).filter((one) => one?.checked);

function counted() {
  const number = ticked().length;
  const bar = list.querySelector(".bulk-bar");
  bar?.classList.toggle("on", number > 0);
  const shown = document.getElementById("ticked");
  if (shown) shown.textContent = number ? `(${number})` : "";
}

list.addEventListener("change", (event) => { if (event.target.name === "alert") counted(); });

let following = 0;
function follow() {
  clearTimeout(following);
  const outcome = document.querySelector("[data-outcomes]");
  if (outcome?.dataset.waiting === "yes") following = setTimeout(look, FOLLOW_MS);
}

async function look() {
  const outcome = document.querySelector("[data-outcomes]");
  if (!outcome) return;
  try {
    const refused = [...outcome.querySelectorAll(".o-refused")];
    const fresh = await fetched(outcome.dataset.src);
    const kept = fresh.querySelector(".outcome-list");
    // What was refused before it was handed in is known to this page alone.
    for (const one of refused) if (!kept.querySelector(`[data-alert="${CSS.escape(one.dataset.alert)}"]`)) kept.append(one);
    outcome.replaceWith(fresh);
    refresh();
  } catch { /* the next look shows it */ }
  follow();
}

document.body.addEventListener("news-request", () => { if (document.querySelector("[data-outcomes]")) look(); });

list.addEventListener("submit", async (event) => {
  if (event.target.id !== "bulk") return;
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector(".go");
  const place = document.getElementById("bulk-outcome");
  button.disabled = true;
  try {
    const fresh = await fetched(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    place.replaceChildren(fresh);
    for (const one of ticked()) one.checked = false;
    form.querySelector("#reason").value = "";
    form.querySelector("[name=batch]").value = crypto.randomUUID?.() ?? newId();
    counted();
    follow();
  } catch (error) {
    const note = document.createElement("p");
    note.className = "notice bad";
    note.textContent = error instanceof Refused ? error.message : place.dataset.notKnown;
    place.replaceChildren(note);
  } finally {
    button.disabled = false;
  }
});

function newId() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

// ---------------------------------------------------------------- keys

const current = () => document.activeElement?.closest?.("tr.row") ?? null;

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
  link(all[next]).focus();
  all[next].scrollIntoView({ block: "nearest" });
}

function tick(row) {
  const one = row && box(row);
  if (!one) return;
  one.checked = !one.checked;
  counted();
  say(`${one.getAttribute("aria-label")}: ${one.checked ? "✓" : "–"}`);
}

function acknowledge() {
  const row = current();
  if (!ticked().length && row && box(row)) box(row).checked = true;
  counted();
  if (ticked().length) document.getElementById("reason").focus();
}

const help = document.getElementById("help");
const keys = {
  j: () => move(1), ArrowDown: () => move(1),
  k: () => move(-1), ArrowUp: () => move(-1),
  x: () => tick(current()),
  a: acknowledge,
  m: () => mute(),
  "/": () => document.getElementById("q").focus(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]");
  if (typing && event.key === "Escape" && !event.target.closest("dialog[open]")) { event.target.blur(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// ---------------------------------------------------------------- sound

const sound = document.getElementById("sound");
const muteButton = document.getElementById("mute");
const KEPT = "hazard-sound";
const REPEAT_MS = 4000;
let audio = null;
let waiting = [];
let muted = new Set();
let timer = 0;

const wanted = () => { try { return localStorage.getItem(KEPT) === "on"; } catch { return false; } };
const keepWanted = (on) => { try { localStorage.setItem(KEPT, on ? "on" : "off"); } catch { /* not kept */ } };
const ready = () => audio?.state === "running";

// Two tones, as IEC 60601-1-8 has them for high priority: heard over machines, unlike a phone.
function beep() {
  const start = audio.currentTime + 0.02;
  for (const [at, hertz] of [[0, 880], [0.25, 660], [0.5, 880]]) {
    const tone = audio.createOscillator();
    const loud = audio.createGain();
    tone.type = "square";
    tone.frequency.value = hertz;
    loud.gain.setValueAtTime(0, start + at);
    loud.gain.linearRampToValueAtTime(0.25, start + at + 0.02);
    loud.gain.linearRampToValueAtTime(0, start + at + 0.2);
    tone.connect(loud).connect(audio.destination);
    tone.start(start + at);
    tone.stop(start + at + 0.22);
  }
  document.documentElement.dataset.beeps = String(Number(document.documentElement.dataset.beeps ?? 0) + 1);
}

const loud = () => waiting.filter((id) => !muted.has(id));

function ring() {
  clearTimeout(timer);
  muteButton.hidden = !(wanted() && ready() && loud().length);
  if (!wanted() || !ready() || !loud().length) return;
  beep();
  timer = setTimeout(ring, REPEAT_MS);
}

function mute() {
  muted = new Set(waiting);
  ring();
}

function show() {
  sound.setAttribute("aria-pressed", String(wanted()));
  sound.classList.toggle("waits", wanted() && !ready());
  sound.textContent = !wanted() ? sound.dataset.off : ready() ? sound.dataset.onText : sound.dataset.waits;
}

// A browser lets a page sound only after a gesture; until then the button says that it waits.
async function wake() {
  if (!wanted()) return;
  audio ??= new AudioContext();
  if (audio.state !== "running") await audio.resume().catch(() => {});
  show();
  ring();
}

async function listen() {
  try {
    const answer = await fetch("/api/v1/sounding", { signal: AbortSignal.timeout(10000) });
    if (!answer.ok) return;
    const before = new Set(waiting);
    waiting = (await answer.json()).alerts;
    muted = new Set(waiting.filter((id) => muted.has(id)));
    if (waiting.some((id) => !before.has(id)) || !loud().length) ring();
  } catch { /* the next news asks again; the bar on top says when there are none */ }
}

if (typeof AudioContext === "function") {
  sound.hidden = false;
  sound.addEventListener("click", async () => {
    const on = !(wanted() && ready());
    keepWanted(on);
    muted = new Set();
    if (on) await wake();
    else { clearTimeout(timer); ring(); }
    show();
  });
  muteButton.addEventListener("click", mute);
  for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, (event) => { if (event.target !== sound) wake(); });
  for (const news of ["news-alarm", "news-back"]) document.body.addEventListener(news, listen);
  show();
  listen();
}

const helpButton = document.getElementById("help-open");
helpButton.hidden = false;
helpButton.addEventListener("click", () => help.showModal());
counted();
