// The still with what is drawn on it: SVG in the picture's own pixels, moved by pointer or keyboard.
import { h, s } from "./dom.js";

const TOUCH_PX = 23; // radius on the screen that a finger hits: more than 44 px across
const DOT_PX = 7;
const STEP = 0.005;
const BIG_STEP = 0.05;
const ARROW_PX = 34; // on the screen

const clamp = (value) => Math.min(1, Math.max(0, value));
const round = (value) => Math.round(clamp(value) * 10000) / 10000;

export class Picture {
  // `source`: address of the still; `onmissing` hears that there is none.
  constructor({ source, label, onplace, onmissing }) {
    this.shapes = [];
    this.lines = [];
    this.path = null;
    this.size = [1600, 900];
    this.svg = s("svg", { class: "drawing", role: "group", "aria-label": label });
    this.image = h("img", { src: source, alt: "", class: "still" });
    this.element = h("div", { class: "stage" }, this.image, this.svg);
    this.image.addEventListener("load", () => {
      this.size = [this.image.naturalWidth || 1600, this.image.naturalHeight || 900];
      this.draw();
    });
    this.image.addEventListener("error", () => {
      this.image.replaceWith(h("div", { class: "still none" }));
      onmissing();
    });
    this.svg.addEventListener("click", (event) => {
      if (this.path && event.detail < 2) onplace(this.pointOf(event));
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  pointOf(event) {
    const box = this.svg.getBoundingClientRect();
    return [round((event.clientX - box.left) / box.width), round((event.clientY - box.top) / box.height)];
  }

  // shapes: {name, points, form, arrows, selected, onmove, onadd, onremove, onselect, label(at)}; a form is
  // a closed polygon, an open polyline, or points alone; arrows: the sides of a line that they lead to.
  show({ shapes = [], lines = [], path = null }) {
    Object.assign(this, { shapes, lines, path });
    this.draw();
  }

  draw() {
    const [width, height] = this.size;
    const focused = this.svg.contains(document.activeElement) ? document.activeElement.id : "";
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.element.classList.toggle("placing", this.path !== null);
    this.svg.replaceChildren(
      ...this.lines.map((line) => s("polyline", { class: "ground-line", points: this.text(line) })),
      ...this.shapes.filter((one) => !one.selected).map((one) => this.outline(one)),
      ...this.shapes.filter((one) => one.selected).flatMap((one) => [this.outline(one), ...this.handles(one)]),
      ...(this.path ? [s("polyline", { class: "path", points: this.text(this.path) }), ...this.path.map((point) => this.dot(point, "path-dot"))] : []),
    );
    this.scale();
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  text(points) {
    return points.map(([x, y]) => `${(x * this.size[0]).toFixed(1)},${(y * this.size[1]).toFixed(1)}`).join(" ");
  }

  outline(shape) {
    const [x, y] = [...shape.points].sort((a, b) => a[1] - b[1] || a[0] - b[0])[0] ?? [0, 0];
    const joined = shape.form !== "points";
    const text = this.text(shape.points);
    const body = joined
      ? [
        shape.form === "polyline" ? s("polyline", { class: "touch", points: text }) : null,
        s(shape.form, { class: `outline ${shape.form}`, points: text }),
        (shape.arrows ?? []).map((side) => s("polyline", { class: "arrow", "data-side": side, points: this.arrow(shape.points, side) })),
      ]
      : shape.points.map((point) => this.dot(point, "point"));
    const name = s("text", { class: "shape-name", x: x * this.size[0], y: y * this.size[1], "data-size": 14, "data-dy": shape.selected && shape.form === "polyline" ? -26 : -10 }, shape.name);
    const group = s("g", { class: shape.selected ? "shape selected" : "shape" }, body, joined ? name : null);
    if (!shape.selected && shape.onselect) group.addEventListener("click", () => { if (!this.path) shape.onselect(); });
    return group;
  }

  // From the middle of a line's longest step straight away to its left or right, walking from its first point.
  arrow(points, side) {
    const places = points.map(([x, y]) => [x * this.size[0], y * this.size[1]]);
    const steps = places.slice(1).map((place, at) => Math.hypot(place[0] - places[at][0], place[1] - places[at][1]));
    const at = steps.indexOf(Math.max(...steps));
    const [dx, dy] = [0, 1].map((axis) => (places[at + 1][axis] - places[at][axis]) / (steps[at] || 1));
    const turn = side === "right" ? 1 : -1;
    const place = (away, along) => {
      const reach = (ARROW_PX * this.size[0]) / (this.element.clientWidth || this.size[0]);
      return [
        ((places[at][0] + places[at + 1][0]) / 2 + reach * (along * dx - turn * away * dy)) / this.size[0],
        ((places[at][1] + places[at + 1][1]) / 2 + reach * (along * dy + turn * away * dx)) / this.size[1],
      ];
    };
    const tip = place(1, 0);
    return this.text([place(0, 0), tip, place(0.6, -0.3), tip, place(0.6, 0.3)]);
  }

  dot([x, y], className, text) {
    return s("g", { class: className },
      s("circle", { cx: x * this.size[0], cy: y * this.size[1], r: 1, "data-size": DOT_PX }),
      text ? s("text", { class: "point-name", x: x * this.size[0], y: y * this.size[1], "data-size": 13, "data-dx": 11, "data-dy": -8 }, text) : null);
  }

  handles(shape) {
    const made = [];
    const edges = { polygon: shape.points.length, polyline: shape.points.length - 1, points: 0 }[shape.form];
    for (let at = 0; at < edges; at += 1) {
      const [point, next] = [shape.points[at], shape.points[(at + 1) % shape.points.length]];
      made.push(this.middle(shape, at, [(point[0] + next[0]) / 2, (point[1] + next[1]) / 2]));
    }
    shape.points.forEach((point, at) => made.push(this.handle(shape, at, point)));
    return made;
  }

  middle(shape, at, point) {
    const [x, y] = [point[0] * this.size[0], point[1] * this.size[1]];
    const handle = s("g", { class: "middle" },
      s("circle", { class: "hit", cx: x, cy: y, r: 1, "data-size": TOUCH_PX * 0.7 }),
      s("circle", { class: "mark", cx: x, cy: y, r: 1, "data-size": DOT_PX * 0.7 }));
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      shape.onadd(at, this.pointOf(event));
    });
    return handle;
  }

  handle(shape, at, point) {
    const [x, y] = [point[0] * this.size[0], point[1] * this.size[1]];
    const handle = s("g", { class: "handle", id: `corner-${at}`, tabindex: "0", role: "button", "aria-label": shape.label(at), "aria-describedby": "corner-help" },
      s("circle", { class: "hit", cx: x, cy: y, r: 1, "data-size": TOUCH_PX }),
      s("circle", { class: "mark", cx: x, cy: y, r: 1, "data-size": DOT_PX }),
      shape.form === "polygon" ? null : s("text", { class: "point-name", x, y, "data-size": 13, "data-dx": 11, "data-dy": -8 }, String(at + 1)));
    handle.addEventListener("pointerdown", (event) => this.drag(event, shape, at, handle));
    handle.addEventListener("keydown", (event) => this.key(event, shape, at, point));
    return handle;
  }

  drag(event, shape, at, handle) {
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    let place = shape.points[at];
    const move = (moved) => {
      place = this.pointOf(moved);
      const points = shape.points.map((one, index) => (index === at ? place : one));
      const group = this.svg.querySelector(".shape.selected");
      for (const one of group.querySelectorAll(".outline, .touch")) one.setAttribute("points", this.text(points));
      for (const one of group.querySelectorAll(".arrow")) one.setAttribute("points", this.arrow(points, one.dataset.side));
      for (const part of handle.children) {
        part.setAttribute(part.tagName === "text" ? "x" : "cx", place[0] * this.size[0]);
        part.setAttribute(part.tagName === "text" ? "y" : "cy", place[1] * this.size[1]);
      }
    };
    const end = (ended) => {
      handle.removeEventListener("pointermove", move);
      if (ended.type === "pointerup" && place !== shape.points[at]) shape.onmove(at, place);
      else this.draw();
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
  }

  key(event, shape, at, [x, y]) {
    const step = event.shiftKey ? BIG_STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const move = moves[event.key];
    if (move) shape.onmove(at, [round(x + move[0]), round(y + move[1])]);
    else if (event.key === "Delete" || event.key === "Backspace") shape.onremove(at);
    else if (event.key === "Insert" || event.key === "+") shape.onadd(at);
    else return;
    event.preventDefault();
  }

  // Handles and words have their size on the screen, however large the picture is shown.
  scale() {
    const width = this.element.clientWidth;
    if (!width) return;
    // Large screens have a larger letter: what is drawn grows with it.
    const unit = (this.size[0] / width) * (Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
    for (const one of this.svg.querySelectorAll("[data-size]")) {
      const size = Number(one.dataset.size) * unit;
      if (one.tagName === "circle") one.setAttribute("r", size);
      else {
        one.setAttribute("font-size", size);
        one.setAttribute("dx", Number(one.dataset.dx ?? 0) * unit);
        one.setAttribute("dy", Number(one.dataset.dy ?? 0) * unit);
      }
    }
  }
}
