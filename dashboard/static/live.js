// Keeps a page true: listens to news, fetches the fragments that changed, says when it cannot.
import { clock } from "./time.js";

const SILENT_MS = 6000; // the server says something every 2 s
const GAP_MS = 300; // a fragment is fetched at most this often

let heardAt = performance.now();
let madeAt = performance.now();
let skewMs = 0;
let broken = false;

// ---------------------------------------------------------------- fragments

const waiting = new WeakMap();

function soon(element, delay = 0) {
  const last = waiting.get(element) ?? { timer: 0, at: -GAP_MS };
  if (last.timer) return;
  const wait = Math.max(delay, last.at + GAP_MS - performance.now(), 0);
  last.timer = setTimeout(() => {
    last.timer = 0;
    last.at = performance.now();
    refresh(element);
  }, wait);
  waiting.set(element, last);
}

async function fetchFragment(source) {
  const answer = await fetch(source, {
    headers: { "X-Fragment": "1" },
    signal: AbortSignal.timeout(10000),
  });
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return null;
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const detail = typeof problem.detail === "string" ? problem.detail : `answer ${answer.status}`;
    throw new Error(detail);
  }
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

async function refresh(element) {
  if (!element.isConnected) return;
  try {
    const fresh = await fetchFragment(element.dataset.src);
    if (fresh === null) return;
    if (element.dataset.swap === "ids") swapById(fresh);
    else swap(element, fresh);
    if (!broken) madeAt = performance.now();
    ages();
  } catch {
    soon(element, 3000);
  }
}

// Replaces what differs only, and keeps what a person has opened or stands on.
function keep(element, put) {
  const open = [...element.querySelectorAll("details[open][id]")].map((one) => one.id);
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const href = focused?.getAttribute("href");
  const fresh = put();
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (href) fresh.querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
}

function swap(element, fresh) {
  const old = [...element.children];
  const now = [...fresh.children];
  if (old.length === now.length && old.every((one, at) => one.isEqualNode(now[at]))) return;
  keep(element, () => {
    element.replaceChildren(fresh);
    return element;
  });
}

function swapById(fresh) {
  for (const part of [...fresh.children]) {
    const old = document.getElementById(part.id);
    if (!old || old.isEqualNode(part)) continue;
    keep(old, () => {
      old.replaceWith(part);
      return part;
    });
  }
}

// ---------------------------------------------------------------- news

function hear({ kind, data, closed }) {
  if (kind === "error") {
    if (closed) lost();
    return;
  }
  heardAt = performance.now();
  // What happened between the page and the stream, or while it was away, was not heard.
  if (broken || kind === "open") found();
  if (kind === "beat") {
    skewMs = Date.parse(data.at) - Date.now();
    madeAt = performance.now();
    return;
  }
  document.body.dispatchEvent(new CustomEvent(`news-${kind}`, { detail: data ?? {} }));
  for (const element of document.querySelectorAll("[data-on]")) {
    if (!element.dataset.on.split(" ").includes(kind)) continue;
    const alert = element.dataset.alert;
    if (alert && data.ids && !data.ids.includes(alert)) continue;
    soon(element);
  }
}

function lost() {
  broken = true;
  document.body.classList.add("is-lost");
  const note = document.getElementById("lost");
  const ageMs = performance.now() - madeAt;
  note.hidden = false;
  note.textContent = note.dataset.text
    .replace("{age}", ageText(ageMs))
    .replace("{time}", clock(Date.now() + skewMs - ageMs));
}

function found() {
  broken = false;
  document.body.classList.remove("is-lost");
  document.getElementById("lost").hidden = true;
  document.body.dispatchEvent(new CustomEvent("news-back"));
  for (const element of document.querySelectorAll("[data-on]")) soon(element);
}

function listen() {
  if (typeof SharedWorker === "function") {
    const worker = new SharedWorker("/static/worker.js");
    worker.port.addEventListener("message", (event) => hear(event.data));
    worker.port.start();
    addEventListener("pagehide", () => worker.port.postMessage("bye"));
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
    return;
  }
  const source = new EventSource("/events");
  source.addEventListener("open", () => hear({ kind: "open" }));
  for (const kind of ["alarm", "request", "health", "job", "beat"]) {
    source.addEventListener(kind, (event) => hear({ kind, data: JSON.parse(event.data) }));
  }
}

// ---------------------------------------------------------------- menus

// A menu closes by Escape, and when somebody goes on elsewhere.
const menus = [...document.querySelectorAll(".top details")];
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, (event) => {
    for (const menu of menus) if (menu.open && !menu.contains(event.target)) menu.open = false;
  });
}

// ---------------------------------------------------------------- ages, timers

const page = document.documentElement;

function ageText(ms) {
  let rest = Math.max(0, Math.floor(ms / 1000));
  const parts = [];
  for (const [size, unit] of [[86400, page.dataset.day], [3600, "h"], [60, "min"], [1, "s"]]) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (unit === "s" && !parts.length)) parts.push(`${count} ${unit}`);
    else if (parts.length) break;
  }
  return parts.slice(0, 2).join(" ");
}

function ages() {
  const now = Date.now() + skewMs;
  for (const one of document.querySelectorAll("time.age[data-since]")) {
    one.textContent = ageText(now - Date.parse(one.dataset.since));
  }
}

setInterval(() => {
  ages();
  if (broken || performance.now() - heardAt > SILENT_MS) lost();
}, 1000);

for (const element of document.querySelectorAll("[data-every]")) {
  setInterval(() => { if (!document.hidden && !broken) soon(element); }, Number(element.dataset.every));
}

listen();
ages();
page.dataset.live = "yes";
