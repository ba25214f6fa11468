// Stills of cameras: one request after the other, only of pictures that somebody sees.
const EVERY_MS = 500; // of one camera
const IDLE_MS = 100;
const FAILED_MS = 2000;

const stills = [...document.querySelectorAll("img[data-still]")];
const state = new Map(stills.map((image) => [image, { seen: false, dueAt: 0, tag: "", url: "" }]));

const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) state.get(entry.target).seen = entry.isIntersecting;
});
for (const image of stills) watch.observe(image);

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// The picture that has waited longest, among those that are seen and due.
function next() {
  if (document.hidden || document.body.classList.contains("is-lost")) return null;
  const now = performance.now();
  const due = stills.filter((image) => state.get(image).seen && state.get(image).dueAt <= now);
  return due.sort((one, other) => state.get(one).dueAt - state.get(other).dueAt)[0] ?? null;
}

async function load(image) {
  const mine = state.get(image);
  mine.dueAt = performance.now() + EVERY_MS;
  const headers = mine.tag ? { "If-None-Match": mine.tag } : {};
  const answer = await fetch(image.dataset.still, {
    headers,
    cache: "no-store",
    signal: AbortSignal.timeout(5000),
  });
  if (!answer.ok) {
    if (answer.status !== 304) mine.dueAt = performance.now() + FAILED_MS;
    return;
  }
  const url = URL.createObjectURL(await answer.blob());
  mine.tag = answer.headers.get("ETag") ?? "";
  image.src = url;
  await image.decode().catch(() => undefined);
  if (mine.url) URL.revokeObjectURL(mine.url);
  mine.url = url;
}

async function run() {
  for (;;) {
    const image = next();
    if (image === null) await pause(IDLE_MS);
    else {
      try {
        await load(image);
      } catch {
        state.get(image).dueAt = performance.now() + FAILED_MS;
      }
    }
  }
}
if (stills.length) run();

// ---------------------------------------------------------------- full screen, zones

for (const button of document.querySelectorAll("[data-full]")) {
  const what = document.querySelector(button.dataset.full);
  if (!what?.requestFullscreen) continue;
  button.hidden = false;
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else what.requestFullscreen().catch(() => undefined);
  });
}

const zones = document.getElementById("show-zones");
zones?.addEventListener("change", () => {
  document.querySelector(".overlay").classList.toggle("off", !zones.checked);
});
