// Placing areas, cameras and sensors on the plan: by pointer, by keyboard, or by the fields.
const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.5; // percent, for one press of an arrow
const FAR = 5;

const form = document.querySelector(".placing");
const plan = document.getElementById("plan");
const marks = document.getElementById("marks");
const width = Number(form?.dataset.width);
const height = Number(form?.dataset.height);
const unit = Math.max(width, height) / 100;
let changed = false;

const clip = (value) => Math.min(100, Math.max(0, Math.round(value * 100) / 100));

// ---------------------------------------------------------------- the fields are the truth

function rows() {
  return [...form.querySelectorAll(".place-row")];
}

function read(row) {
  const inputs = [...row.querySelectorAll("input:not([type=radio])")];
  if (row.dataset.kind === "area") {
    const pairs = inputs[0].value.trim().split(/\s+/).filter(Boolean);
    return pairs.map((pair) => pair.split(",").map(Number)).filter((each) => each.length === 2 && each.every(Number.isFinite));
  }
  const [x, y] = inputs.map((input) => input.value.trim());
  return x !== "" && y !== "" ? [[Number(x), Number(y)]] : [];
}

function write(row, points) {
  const inputs = [...row.querySelectorAll("input:not([type=radio])")];
  if (row.dataset.kind === "area") inputs[0].value = points.map((point) => point.join(",")).join(" ");
  else inputs.forEach((input, at) => { input.value = points.length ? points[0][at] : ""; });
  changed = true;
  draw();
}

// ---------------------------------------------------------------- drawing

function shape(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

function draw() {
  const focused = document.activeElement?.dataset?.handle;
  marks.replaceChildren();
  for (const row of rows()) {
    const points = read(row).map(([x, y]) => [(x * width) / 100, (y * height) / 100]);
    if (!points.length) continue;
    const picked = row.querySelector("[type=radio]").checked;
    const group = shape("g", { class: `placed k-${row.dataset.kind}${picked ? " picked" : ""}` });
    if (points.length > 1) group.append(shape("polygon", { class: "ground", points: points.map((point) => point.join(",")).join(" ") }));
    const middle = (axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    const [x, y] = [middle(0), middle(1) - (points.length > 1 ? 0 : unit * 2.2)];
    group.append(shape("text", { class: "place-name", x, y, "font-size": unit * 1.8 }, row.dataset.label));
    const fixed = "fixed" in row.dataset; // of an area in which the person's role does not hold
    points.forEach((point, at) => group.append(fixed ? dot(point) : handle(row, point, at)));
    marks.append(group);
  }
  if (focused) marks.querySelector(`[data-handle="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function dot([x, y]) {
  return shape("circle", { class: "dot", cx: x, cy: y, r: unit * 0.9 });
}

function handle(row, [x, y], at) {
  const name = form.dataset.corner.replace("{n}", at + 1).replace("{name}", row.dataset.label);
  const one = shape("g", { class: "handle", tabindex: "0", role: "button", "aria-label": name });
  one.dataset.handle = `${row.dataset.kind}.${row.dataset.name}.${at}`;
  one.append(shape("circle", { class: "reach", cx: x, cy: y, r: unit * 2.2 }));
  one.append(dot([x, y]));
  one.addEventListener("pointerdown", (event) => drag(event, row, at));
  one.addEventListener("keydown", (event) => press(event, row, at));
  return one;
}

// ---------------------------------------------------------------- pointer and keyboard

function where(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(plan.getScreenCTM().inverse());
  return [clip((point.x / width) * 100), clip((point.y / height) * 100)];
}

function pick(row) {
  row.querySelector("[type=radio]").checked = true;
}

function drag(event, row, at) {
  event.preventDefault();
  event.stopPropagation();
  pick(row);
  event.currentTarget.focus();
  const move = (now) => {
    const points = read(row);
    points[at] = where(now);
    write(row, points);
  };
  const end = () => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function press(event, row, at) {
  const points = read(row);
  if (event.key === "Delete" || event.key === "Backspace") points.splice(at, 1);
  else if (ARROWS[event.key]) {
    const step = event.shiftKey ? FAR : STEP;
    points[at] = points[at].map((value, axis) => clip(value + ARROWS[event.key][axis] * step));
  } else return;
  event.preventDefault();
  pick(row);
  write(row, points);
}

function place(event) {
  const row = form.querySelector("[name=pick]:checked")?.closest(".place-row");
  if (!row) return;
  const points = row.dataset.kind === "area" ? read(row) : [];
  write(row, [...points, where(event)]);
}

if (form) {
  plan.addEventListener("pointerdown", (event) => { if (event.button === 0) place(event); });
  form.addEventListener("input", (event) => {
    if (event.target.name !== "pick") changed = true;
    draw();
  });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  draw();
}
