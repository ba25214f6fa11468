// The page of one incident: keeps its parts true, hands requests in, draws what sensors measured.
import uPlot from "/static/vendor/uPlot.esm.js";
import { number } from "/static/time.js";

const ANSWER_MS = 2000; // the agent answers a request within this time
const GAP_MS = 300; // the parts are fetched at most this often
const EVERY_MS = 5000;
const GAP_IN_LINE_S = 5; // a line is broken where no reading came for longer

const root = document.getElementById("incident");
const alertId = root.dataset.alert;
const actions = document.getElementById("actions");
const asked = document.getElementById("asked");
const news = document.getElementById("action-news"); // read aloud where nobody looks

// The dashboard has answered that it does not do it; without an answer nobody knows.
class Refused extends Error {}

async function fetchFragment(source, options = {}) {
  const address = new URL(source, location.href);
  if (!options.method) address.searchParams.set("lang", root.dataset.language);
  const answer = await fetch(address, {
    ...options,
    headers: { "X-Fragment": "1", "Accept-Language": root.dataset.language },
    signal: AbortSignal.timeout(10000),
  });
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return null;
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(typeof problem.detail === "string" ? problem.detail : `${answer.status}`);
  }
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

// ---------------------------------------------------------------- the parts

// What the server last said of each part: what a person has opened, typed or seen clear stays
// until the server says something else.
const said = new Map();

function signature(part) {
  const copy = part.cloneNode(true);
  for (const one of copy.querySelectorAll("time.age")) one.textContent = "";
  return copy.outerHTML;
}

for (const part of root.querySelectorAll("#alert-head, [id^=part-]")) said.set(part.id, signature(part));

function isBeingTyped(element) {
  const field = document.activeElement?.closest?.("input:not([type=checkbox]), textarea, select");
  if (field && element.contains(field)) return true;
  return [...element.querySelectorAll("textarea, input:not([type=hidden]):not([type=checkbox])")].some(
    (one) => one.value !== one.defaultValue,
  );
}

function put(old, fresh) {
  const open = [...old.querySelectorAll("details[open][id]")].map((one) => one.id);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const [id, href] = [focused?.id, focused?.getAttribute("href")];
  const unticked = [...old.querySelectorAll(".overlay-toggle:not(:checked)")].map((one) => one.closest("[id]").id);
  old.replaceWith(fresh);
  for (const one of open) document.getElementById(one)?.setAttribute("open", "");
  for (const one of unticked) {
    const toggle = document.getElementById(one)?.querySelector(".overlay-toggle");
    if (toggle) toggle.checked = false;
  }
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
  else if (href) fresh.querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
}

let timer = 0;
let lastAt = -GAP_MS;
function soon(delay = 0) {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    lastAt = performance.now();
    refresh();
  }, Math.max(delay, lastAt + GAP_MS - performance.now(), 0));
}

async function refresh() {
  try {
    const fresh = await fetchFragment(root.dataset.src);
    if (fresh === null) return;
    for (const part of [...fresh.children]) {
      const old = document.getElementById(part.id);
      const now = signature(part);
      if (!old || said.get(part.id) === now || isBeingTyped(old)) continue;
      said.set(part.id, now);
      put(old, part);
    }
    await refreshActions();
    readings();
  } catch {
    soon(3000);
  }
}

// ---------------------------------------------------------------- the forms

let startAnew = false;

async function refreshActions() {
  const anew = startAnew; // what is asked for while the fragment is under way is for the next one
  const fresh = await fetchFragment(actions.dataset.src);
  if (fresh === null) return;
  const forms = actions.querySelector("[data-matter]");
  const now = fresh.querySelector("[data-matter]");
  const same = forms.dataset.matter === now.dataset.matter && forms.dataset.verbs === now.dataset.verbs;
  if (!anew && isBeingTyped(actions)) {
    // New words or pictures matter to nobody who acts; anything else must be seen first. Only what
    // somebody may be writing in waits for that: the steps are true at once.
    if (same) setRevision(forms, now.dataset.revision);
    forms.querySelector(".course").replaceWith(now.querySelector(".course"));
    showChange();
    return;
  }
  if (anew) startAnew = false;
  if (same && !isBeingTyped(actions)) setRevision(forms, now.dataset.revision);
  else rebuild(fresh);
  showChange();
}

function setRevision(forms, revision) {
  forms.dataset.revision = revision;
  for (const input of forms.querySelectorAll("[name=expected_revision]")) input.value = revision;
}

function rebuild(fresh) {
  const drafts = [...actions.querySelectorAll("textarea, input[id], select")].filter(
    (one) => one.id && one.value !== (one.defaultValue ?? one.querySelector("option")?.value) && one.value,
  );
  const open = [...actions.querySelectorAll("details[open][id]")].map((one) => one.id);
  const focus = actions.contains(document.activeElement) ? document.activeElement.id : "";
  actions.replaceChildren(fresh);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const left = [];
  for (const draft of drafts) {
    const field = actions.querySelector(`#${CSS.escape(draft.id)}`);
    if (field) field.value = draft.value;
    else if (draft.tagName === "TEXTAREA") left.push(draft.value);
  }
  const comment = document.getElementById("comment-text");
  if (left.length && comment) {
    comment.value = [comment.value, ...left].filter(Boolean).join("\n");
    comment.closest("details").open = true;
  }
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

// What matters has changed while somebody was writing: say so before they act.
function showChange() {
  const forms = actions.querySelector("[data-matter]");
  const head = document.getElementById("alert-head");
  const note = forms.querySelector(".changed");
  const same = head.dataset.matter === forms.dataset.matter;
  if (note.hidden && !same) news.textContent = news.dataset.changed;
  if (same) news.textContent = "";
  note.hidden = same;
}

actions.addEventListener("click", (event) => {
  if (!event.target.classList.contains("seen")) return;
  startAnew = true;
  refreshActions().catch(() => soon(1000));
});

let sent = null; // the form whose request is under way

root.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.classList.contains("clear-form")) return seeClear(event, form);
  if (form.classList.contains("export-form")) return takeAway(event, form);
  if (!form.classList.contains("request-form")) return;
  event.preventDefault();
  const button = form.querySelector("button:not([type=button])");
  button.disabled = true;
  try {
    const fresh = await fetchFragment(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (fresh === null) return;
    sent = form;
    asked.replaceChildren(fresh);
    settle();
    // The next press is another request; the same one sent again counts once.
    const id = form.querySelector("[name=request_id]");
    if (id) id.value = crypto.randomUUID?.() ?? fallbackId();
  } catch (error) {
    if (error instanceof Refused) tell(asked.dataset.notSent, `${error.message}. ${asked.dataset.nothingDone}`);
    else tell(asked.dataset.noAnswer, asked.dataset.notKnown);
  } finally {
    button.disabled = false;
  }
});

function tell(word, text) {
  const note = document.createElement("div");
  note.className = "outcome o-refused";
  const strong = document.createElement("strong");
  strong.className = "outcome-word";
  strong.textContent = word;
  const span = document.createElement("span");
  span.textContent = text;
  note.append(strong, span);
  asked.replaceChildren(note);
}

function fallbackId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

// Looks after a request until it is settled, whether news come or not.
function settle() {
  const one = asked.querySelector("[data-request]");
  if (!one) return;
  clearTimeout(asked.timer);
  const { state } = one.dataset;
  if (state === "pending" || state === "unanswered") {
    asked.timer = setTimeout(look, state === "pending" ? ANSWER_MS + 100 : 3000);
    return;
  }
  if (state === "done" && sent) {
    // What was written is stored now. Of everything else not a word is lost.
    for (const field of sent.querySelectorAll("textarea, input:not([type=hidden])")) field.value = field.defaultValue;
    const held = sent.contains(document.activeElement);
    if (actions.contains(sent) && (held || document.activeElement === document.body)) {
      // The form goes, and the focus with it: who works by keyboard goes on with what comes next.
      document.getElementById("act-title").focus({ preventScroll: true });
    } else if (held && !sent.classList.contains("tick-form")) document.activeElement.blur();
    startAnew = true;
  }
  sent = null;
  soon();
}

async function look() {
  const one = asked.querySelector("[data-request]");
  if (!one) return;
  try {
    const fresh = await fetchFragment(one.dataset.src);
    if (fresh !== null) asked.replaceChildren(fresh);
  } catch {
    one.dataset.state = "unanswered";
    one.className = "outcome o-unanswered";
    one.querySelector(".outcome-word").textContent = asked.dataset.noAnswer;
    one.querySelector("span").textContent = asked.dataset.notKnown;
  }
  settle();
}

// ---------------------------------------------------------------- clear pictures

async function seeClear(event, form) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const fresh = await fetchFragment(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (fresh === null) return;
    const note = fresh.querySelector(".clear-note");
    const figure = form.closest("figure");
    if (note.dataset.address) figure.querySelector("image").setAttribute("href", note.dataset.address);
    form.closest("details").replaceWith(note);
  } catch (error) {
    tell(asked.dataset.notSent, error.message);
  } finally {
    button.disabled = false;
  }
}

// ---------------------------------------------------------------- files

const MAKING_MS = 500;
const exported = document.getElementById("exported");

async function takeAway(event, form) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const fresh = await fetchFragment(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (fresh !== null) exported.replaceChildren(fresh);
    watchFile();
  } catch (error) {
    tell(asked.dataset.notSent, error.message);
  } finally {
    button.disabled = false;
  }
}

function watchFile() {
  const one = exported?.querySelector("[data-state=making]");
  if (!one) return;
  setTimeout(async () => {
    const fresh = await fetchFragment(one.dataset.src).catch(() => null);
    if (fresh !== null) exported.replaceChildren(fresh);
    watchFile();
  }, MAKING_MS);
}

// ---------------------------------------------------------------- readings

const section = document.getElementById("readings");
const plots = new Map();
let drawnFor = "";

async function readings() {
  if (!section || !section.querySelector("figure.series")) return;
  const answer = await fetch(section.dataset.src, { signal: AbortSignal.timeout(10000) }).catch(() => null);
  if (!answer?.ok) return;
  const found = await answer.json();
  const now = JSON.stringify(found.series.map((one) => [one.sensor_id, one.readings.length, one.readings.at(-1)?.at, one.limits]));
  if (now === drawnFor) return;
  drawnFor = now;
  for (const series of found.series) draw(series);
}

// A colour of the style sheet as a canvas takes it: some are made by functions (light-dark).
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  root.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function draw(series) {
  const figure = section.querySelector(`figure[data-sensor="${CSS.escape(series.sensor_id)}"]`);
  if (!figure) return;
  const place = figure.querySelector(".plot");
  const seconds = series.readings.map((one) => Date.parse(one.at) / 1000);
  const times = [];
  const good = [];
  const doubtful = [];
  series.readings.forEach((one, at) => {
    if (at && seconds[at] - seconds[at - 1] > GAP_IN_LINE_S) {
      times.push((seconds[at] + seconds[at - 1]) / 2);
      good.push(null);
      doubtful.push(null);
    }
    times.push(seconds[at]);
    good.push(one.value);
    doubtful.push(one.quality === "good" ? null : one.value);
  });
  const values = good.filter((one) => one !== null);
  if (!values.length) return;
  const levels = series.limits.map((one) => one.at);
  const low = Math.min(0, ...values, ...levels);
  const high = Math.max(...values, ...levels);
  const zone = document.documentElement.dataset.zone;
  const raised = Date.parse(series.raised_at) / 1000;
  plots.get(series.sensor_id)?.destroy();
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: Math.round(Math.max(200, Math.min(420, place.clientWidth * 0.38))),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
      scales: {
        x: { range: [Date.parse(series.since) / 1000, Date.parse(series.until) / 1000] },
        y: { range: [low, high + (high - low || 1) * 0.08] },
      },
      axes: [axis("{HH}:{mm}:{ss}"), axis()],
      series: [
        { label: place.dataset.time, value: "{HH}:{mm}:{ss}" },
        { label: `${place.dataset.quantity} (${place.dataset.unit})`, value: shown, stroke: colour("--ink"), width: 2, points: { show: values.length < 3 } },
        { label: place.dataset.doubtful, value: shown, stroke: colour("--high"), paths: () => null, points: { show: true, size: 7 } },
      ],
      hooks: { draw: [(one) => marks(one, series, raised, place.dataset.raised)] },
    },
    [times, good, doubtful],
    place,
  );
  plots.set(series.sensor_id, plot);
}

const shown = (_, value) => (value === null || value === undefined ? "–" : number(value, 3));

function fontPx() {
  return 0.75 * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function axis(values) {
  const px = fontPx();
  return {
    font: `${px}px system-ui, sans-serif`,
    stroke: colour("--soft"),
    grid: { stroke: colour("--line-soft"), width: 1 },
    ticks: { stroke: colour("--line-soft"), width: 1 },
    ...(values ? { values, space: px * 8, size: px * 3.4 } : { values: (_, at) => at.map((one) => number(one, 6)), size: px * 4.6 }),
  };
}

function marks(plot, series, raised, word) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.font = `${fontPx() * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  let [above, taken] = [Infinity, 0]; // where the name of the limit below it stands, and how far it reaches
  for (const limit of series.limits) {
    const y = Math.round(plot.valToPos(limit.at, "y", true));
    ctx.strokeStyle = colour("--critical");
    ctx.setLineDash([8 * devicePixelRatio, 5 * devicePixelRatio]);
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
    ctx.fillStyle = colour("--ink");
    ctx.textAlign = "left";
    const name = `${limit.name} ${number(limit.at, 6)}`;
    const left = above - y < fontPx() * 1.2 * devicePixelRatio ? taken : bbox.left;
    ctx.fillText(name, left + 6 * devicePixelRatio, y - 2);
    [above, taken] = [y, left + ctx.measureText(name).width + 6 * devicePixelRatio];
  }
  const x = Math.round(plot.valToPos(raised, "x", true));
  if (x >= bbox.left && x <= bbox.left + bbox.width) {
    ctx.strokeStyle = colour("--ink");
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    ctx.fillStyle = colour("--ink");
    ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
    ctx.fillText(` ${word} `, x, bbox.top + fontPx() * 1.4 * devicePixelRatio);
  }
  ctx.restore();
}

function line(ctx, x1, y1, x2, y2) {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

function drawAgain() {
  drawnFor = "";
  readings();
}

let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  drawAgain();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);

// ---------------------------------------------------------------- news

document.body.addEventListener("news-alarm", ({ detail }) => {
  if (!detail.ids || detail.ids.includes(alertId)) soon();
});
document.body.addEventListener("news-request", ({ detail }) => {
  if (asked.querySelector(`[data-request="${CSS.escape(String(detail.id))}"]`)) look();
  if (!detail.ids || detail.ids.includes(alertId)) soon();
});
for (const news of ["job", "health"]) document.body.addEventListener(`news-${news}`, () => soon());
document.body.addEventListener("news-back", () => soon());
setInterval(() => { if (!document.hidden) soon(); }, EVERY_MS);

readings();
settle();
watchFile();
root.dataset.ready = "yes";
