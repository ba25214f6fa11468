// The ground plane of a camera: points of the picture, where they lie in metres, and how well it fits.
import { h, idOf } from "./dom.js";
import { ask } from "./server.js";
import { t } from "./words.js";
import { number } from "../time.js";

const START = [[0.3, 0.9], [0.7, 0.9], [0.6, 0.5], [0.4, 0.5]];
const percent = (value) => number(value * 100, 1);

export function ground(view) {
  return new Ground(view);
}

class Ground {
  constructor(view) {
    this.view = view;
    this.path = [...view.path, "calibration"];
    this.lines = [];
    this.found = null;
    this.fault = "";
    this.asked = 0;
  }

  get points() {
    return this.view.draft.at(this.path) ?? null;
  }

  shapes() {
    const points = this.points;
    if (!points) return [];
    return [{
      name: t("ground"), points: points.picture, form: "points", selected: true,
      onmove: (at, point) => this.view.draft.set([...this.path, "picture", at], point),
      onremove: (at) => this.remove(at),
      onadd: () => this.add(),
      label: (at) => t("ground_point", { number: at + 1, x: percent(points.picture[at][0]), y: percent(points.picture[at][1]) }),
    }];
  }

  start() {
    this.view.draft.set(this.path, { picture: START, ground_m: [[0, 0], [4, 0], [4, 8], [0, 8]] });
  }

  add() {
    const { picture, ground_m: metres } = this.points;
    const place = [0.5, 0.7];
    this.view.draft.set(this.path, { picture: [...picture, place], ground_m: [...metres, this.metres(place)] });
    document.getElementById(`corner-${picture.length}`)?.focus();
  }

  // Where the points so far put a place of the picture: a start for a new one.
  metres([u, v]) {
    const [x, y, w] = (this.found?.matrix ?? [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).map((row) => row[0] * u + row[1] * v + row[2]);
    return Math.abs(w) < 1e-9 ? [0, 0] : [x / w, y / w].map((one) => Math.round(one * 100) / 100);
  }

  remove(at) {
    const { picture, ground_m: metres } = this.points;
    if (picture.length <= 4) return this.view.editor.say(t("four_points"));
    const without = (list) => list.filter((_, index) => index !== at);
    this.view.draft.set(this.path, { picture: without(picture), ground_m: without(metres) });
  }

  // Asks the agent's own geometry for the error and the grid.
  async fit() {
    const points = this.points;
    const asked = ++this.asked;
    this.lines = [];
    this.found = null;
    this.fault = "";
    if (points) {
      try {
        const found = await ask("/api/v1/site/ground", points);
        if (asked !== this.asked) return;
        this.found = found;
        this.lines = found.lines;
      } catch (error) {
        if (asked !== this.asked) return;
        this.fault = error.message;
      }
    }
    const told = document.getElementById("ground-fit");
    told?.replaceChildren(...this.told());
    this.found?.errors_m.forEach((error, at) => {
      const cell = document.getElementById(`error-${at}`);
      if (cell) cell.textContent = this.found.exact ? "–" : `${number(error)} m`;
    });
    this.view.draw();
  }

  told() {
    if (this.fault) return [h("p", { class: "problem" }, this.fault)];
    if (!this.found) return [];
    const grid = h("p", { class: "hint" }, t("grid", { step: number(this.found.step_m) }));
    if (this.found.exact) return [h("p", {}, t("exact")), grid];
    const worst = Math.max(...this.found.errors_m);
    return [h("p", {}, t("fit", { rms: number(this.found.rms_m), worst: number(worst), number: this.found.errors_m.indexOf(worst) + 1 })), grid];
  }

  panel() {
    const points = this.points;
    if (!points) {
      return [h("h2", {}, t("ground")), h("p", {}, t("ground_none")), h("div", { class: "tools" }, h("button", { type: "button", id: "ground-start", onclick: () => this.start() }, t("ground_start")))];
    }
    const cell = (list, at, axis, factor, name) => h("td", {}, h("input", {
      type: "text", inputmode: "decimal", id: idOf([...this.path, list, at, axis]), "aria-label": `${name} ${at + 1}`,
      value: String(Math.round((points[list][at]?.[axis] ?? 0) * factor * 1000) / 1000),
      onchange: (event) => {
        const read = Number(event.target.value.replace(",", "."));
        if (!Number.isNaN(read)) this.view.draft.set([...this.path, list, at, axis], Math.round((read / factor) * 10000) / 10000);
      },
    }));
    return [h("h2", {}, t("ground")),
      h("p", { class: "hint", id: "corner-help" }, t("ground_help")),
      h("div", { id: "ground-fit", role: "status" }, this.told()),
      h("p", { class: "problem", id: `${idOf(this.path)}-problem`, "data-path": this.path.join("."), hidden: true }),
      h("table", { class: "corners" },
        h("thead", {}, h("tr", {}, [t("number"), "x (%)", "y (%)", "X (m)", "Y (m)", t("error")].map((one) => h("th", {}, one)), h("th", {}, h("span", { class: "sr" }, t("change"))))),
        h("tbody", {}, points.picture.map((_, at) => h("tr", {}, h("td", {}, String(at + 1)),
          cell("picture", at, 0, 100, "x (%)"), cell("picture", at, 1, 100, "y (%)"), cell("ground_m", at, 0, 1, "X (m)"), cell("ground_m", at, 1, 1, "Y (m)"),
          h("td", { id: `error-${at}`, class: "num" }, this.found && !this.found.exact ? this.found.errors_m[at] === undefined ? "–" : `${number(this.found.errors_m[at])} m` : "–"),
          h("td", {}, h("button", { type: "button", class: "small", id: `less-point-${at}`, "aria-label": t("remove_point", { number: at + 1 }), onclick: () => this.remove(at) }, "−")))))),
      h("div", { class: "tools" },
        h("button", { type: "button", id: "more-point", onclick: () => this.add() }, t("add_point")),
        h("button", { type: "button", class: "danger", id: "ground-off", onclick: () => this.view.draft.set(this.path, undefined) }, t("ground_off")))];
  }
}
