// Zones or lines of a camera: drawn on its still, named, listed corner by corner, with their rules.
import { h, idOf } from "./dom.js";
import { Form, blank } from "./form.js";
import { t } from "./words.js";
import { number } from "../time.js";

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const percent = (value) => number(value * 100, 1);
const middle = (one, other) => [0, 1].map((axis) => Math.round(((one[axis] + other[axis]) / 2) * 10000) / 10000);
// Half a step further than the last one went, or across its way where the picture ends.
function beyond(before, last) {
  const [dx, dy] = [0, 1].map((axis) => (last[axis] - before[axis]) / 2);
  const inside = ([x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 1;
  const places = [[dx, dy], [-dy, dx], [dy, -dx]].map(([x, y]) => [last[0] + x, last[1] + y]);
  return (places.find(inside) ?? middle(before, last)).map((one) => Math.round(one * 10000) / 10000);
}

// `part`: where they stand in the camera; `points`: their field; `fields`: those of rules that name one.
export const ZONES = {
  kind: "zone", part: "zones", points: "polygon", form: "polygon", least: 3, most: Infinity, fields: ["zone", "vehicle_zone"],
  start: [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]],
};
export const LINES = {
  kind: "line", part: "lines", points: "points", form: "polyline", least: 2, most: 32, fields: ["line"],
  start: [[0.3, 0.6], [0.7, 0.6]],
};

function freeName(start, taken) {
  let number = 1;
  while (`${start}-${number}` in taken) number += 1;
  return `${start}-${number}`;
}

export class Drawn {
  constructor(view, what) {
    Object.assign(this, { view, what, editor: view.editor, draft: view.draft });
    this.path = [...view.path, what.part];
    this.chosen = Object.keys(this.all)[0] ?? null;
    this.placing = null;
    this.rules = new Form(this.editor.context);
  }

  get all() {
    return this.draft.at(this.path) ?? {};
  }

  // The words for it: those of zones and of lines differ.
  say(name, values) {
    return t(`${this.what.kind}_${name}`, values);
  }

  id(name) {
    return `${name}-${this.what.kind}`;
  }

  pointsPath(name) {
    return [...this.path, name, this.what.points];
  }

  pointsOf(name) {
    return this.draft.at(this.pointsPath(name)) ?? [];
  }

  choose(name) {
    this.chosen = name;
    this.view.show(this.what.part);
  }

  // What is gone, or has another name after an undo, is not chosen any more.
  settle() {
    if (this.chosen !== null && !(this.chosen in this.all)) this.chosen = Object.keys(this.all)[0] ?? null;
  }

  // ---------------------------------------------------------------- on the picture

  shapes(active) {
    return Object.keys(this.all).map((name) => this.shape(name, active && name === this.chosen && !this.placing));
  }

  shape(name, selected) {
    const path = this.pointsPath(name);
    const points = this.pointsOf(name);
    return {
      name, points, selected, form: this.what.form, arrows: this.what === LINES ? this.sides(name) : [],
      onselect: () => this.choose(name),
      onmove: (at, point) => this.draft.set([...path, at], point),
      onremove: (at) => this.remove(name, at),
      onadd: (at, point) => this.add(name, at, point),
      label: (at) => this.say("corner", { name, number: at + 1, of: points.length, x: percent(points[at][0]), y: percent(points[at][1]) }),
    };
  }

  // The sides to which a rule looks for crossings of a line.
  sides(name) {
    const asked = this.rulesOf(name).map((rule) => rule.direction ?? "either");
    return ["left", "right"].filter((side) => asked.includes(side) || asked.includes("either"));
  }

  remove(name, at) {
    const points = this.pointsOf(name);
    if (points.length <= this.what.least) return this.editor.say(this.say("least"));
    this.draft.set(this.pointsPath(name), points.filter((_, index) => index !== at));
    document.getElementById(`corner-${Math.min(at, points.length - 2)}`)?.focus();
  }

  add(name, at, point) {
    const points = this.pointsOf(name);
    if (points.length >= this.what.most) return this.editor.say(this.say("most"));
    const ends = this.what === LINES && at === points.length - 1;
    const place = point ?? (ends ? beyond(points[at - 1], points[at]) : middle(points[at], points[(at + 1) % points.length]));
    this.draft.set(this.pointsPath(name), [...points.slice(0, at + 1), place, ...points.slice(at + 1)]);
    document.getElementById(`corner-${at + 1}`)?.focus();
  }

  // ---------------------------------------------------------------- drawing a new one

  startPlacing() {
    this.placing = [];
    this.view.render();
    document.getElementById(this.id("cancel"))?.focus();
  }

  place(point) {
    const [first] = this.placing;
    const closes = this.what === ZONES && this.placing.length > 2;
    if (closes && Math.hypot(point[0] - first[0], point[1] - first[1]) < 0.02) return this.finish();
    if (this.placing.length < this.what.most) this.placing.push(point);
    this.view.render();
  }

  finish() {
    const points = this.placing;
    if (!points || points.length < this.what.least) return;
    this.placing = null;
    this.create(points);
  }

  create(points) {
    const name = freeName(this.what.kind, this.all);
    this.chosen = name;
    this.draft.set([...this.path, name], { [this.what.points]: points });
    const box = document.getElementById(`${this.what.kind}-name`);
    box?.focus();
    box?.select();
  }

  placingTools() {
    const { length } = this.placing;
    const cancel = () => {
      this.placing = null;
      this.view.render();
      document.getElementById(this.id("draw"))?.focus();
    };
    return h("div", {},
      h("p", { role: "status" }, this.say("placing", { count: length })),
      h("div", { class: "tools" },
        h("button", { type: "button", id: this.id("finish"), disabled: length < this.what.least, onclick: () => this.finish() }, this.say("finish")),
        h("button", { type: "button", id: "step-back", disabled: !length, onclick: () => { this.placing.pop(); this.view.render(); } }, this.say("step_back")),
        h("button", { type: "button", id: this.id("cancel"), onclick: cancel }, t("cancel"))));
  }

  // ---------------------------------------------------------------- beside the picture

  panel() {
    const names = Object.keys(this.all);
    const list = names.map((name) => h("button", {
      type: "button", id: idOf(["pick", this.what.part, name]), class: "pick", "aria-pressed": String(name === this.chosen), onclick: () => this.choose(name),
    }, name));
    const parts = [
      h("h2", {}, t(this.what.part)),
      names.length ? h("div", { class: "picks" }, list) : h("p", { class: "hint" }, this.say("none")),
      this.placing ? this.placingTools() : h("div", { class: "tools" },
        h("button", { type: "button", id: this.id("draw"), onclick: () => this.startPlacing() }, this.say("draw")),
        h("button", { type: "button", id: this.id("add"), onclick: () => this.create(this.what.start) }, this.say("add"))),
    ];
    if (this.chosen !== null && !this.placing) parts.push(this.form(this.chosen));
    return parts;
  }

  form(name) {
    const path = this.pointsPath(name);
    const { kind } = this.what;
    return h("div", { class: "zone" },
      h("div", { class: "field" },
        h("label", { for: `${kind}-name` }, this.say("name")),
        h("input", { id: `${kind}-name`, type: "text", maxlength: "64", autocomplete: "off", spellcheck: "false", value: name, onchange: (event) => this.rename(name, event.target) }),
        h("p", { class: "hint" }, t("name_rule"))),
      h("p", { class: "hint", id: "corner-help" }, this.say("help")),
      h("p", { class: "problem", id: `${idOf(path)}-problem`, "data-path": [...this.path, name].join("."), hidden: true }),
      this.table(name),
      this.ruleList(name),
      h("button", { type: "button", class: "danger", id: this.id("remove"), onclick: () => this.draft.set([...this.path, name], undefined) }, this.say("remove", { name })));
  }

  table(name) {
    const path = this.pointsPath(name);
    const points = this.pointsOf(name);
    const cell = (at, axis) => h("td", {}, h("input", {
      type: "text", inputmode: "decimal", id: idOf([...path, at, axis]), value: percent(points[at][axis]),
      "aria-label": `${axis ? "y" : "x"} ${at + 1} (%)`,
      onchange: (event) => {
        const read = Number(event.target.value.replace(",", ".")) / 100;
        if (Number.isNaN(read)) event.target.value = percent(points[at][axis]);
        else this.draft.set([...path, at, axis], Math.round(read * 10000) / 10000);
      },
    }));
    return h("details", { id: "corners", open: true }, h("summary", {}, this.say("corners", { count: points.length })),
      h("table", { class: "corners" },
        h("thead", {}, h("tr", {}, h("th", {}, t("number")), h("th", {}, "x (%)"), h("th", {}, "y (%)"), h("th", {}, h("span", { class: "sr" }, t("change"))))),
        h("tbody", {}, points.map((_, at) => h("tr", {}, h("td", {}, String(at + 1)), cell(at, 0), cell(at, 1),
          h("td", { class: "row-tools" },
            h("button", { type: "button", class: "small", id: `more-${at}`, "aria-label": this.say("add_after", { number: at + 1 }), onclick: () => this.add(name, at) }, "+"),
            h("button", { type: "button", class: "small", id: `less-${at}`, "aria-label": this.say("remove_corner", { number: at + 1 }), onclick: () => this.remove(name, at) }, "−")))))));
  }

  rename(name, box) {
    const wanted = box.value.trim();
    if (wanted === name) return;
    if (!NAME.test(wanted) || wanted in this.all) {
      box.value = name;
      return this.editor.say(wanted in this.all ? t("name_taken", { name: wanted }) : t("name_rule"));
    }
    this.chosen = wanted;
    this.draft.change((data) => {
      const camera = data.cameras[this.view.name];
      camera[this.what.part] = Object.fromEntries(Object.entries(camera[this.what.part]).map(([key, value]) => [key === name ? wanted : key, value]));
      for (const rule of Object.values(data.rules ?? {})) {
        if (rule?.camera !== this.view.name) continue;
        for (const field of this.what.fields) if (rule[field] === name) rule[field] = wanted;
      }
    });
  }

  // ---------------------------------------------------------------- their rules

  uses(rule, name) {
    return rule?.camera === this.view.name && this.what.fields.some((field) => rule[field] === name);
  }

  rulesOf(name) {
    return Object.values(this.draft.at(["rules"]) ?? {}).filter((rule) => this.uses(rule, name));
  }

  ruleList(name) {
    const all = this.draft.at(["rules"]) ?? {};
    const own = Object.keys(all).filter((key) => this.uses(all[key], name));
    const entry = this.editor.forms.sections.rules.entry;
    const { definitions, kinds } = this.editor.forms;
    const fieldsOf = (kind) => definitions[entry.discriminator.mapping[kind].split("/").pop()].properties;
    const fitting = Object.keys(entry.discriminator.mapping).filter((kind) => this.what.fields.some((field) => field in fieldsOf(kind)));
    const chosen = h("select", { id: "rule-kind", "aria-label": t("rule_kind") }, fitting.map((kind) => h("option", { value: kind }, kinds[kind]?.text ?? kind)));
    const add = () => {
      const kind = chosen.value;
      const key = freeName(`${name}-${kind.replaceAll("_", "-")}`, all);
      const value = { ...blank(entry, definitions, this.editor.context.choices, kind), camera: this.view.name };
      value[this.what.fields.find((field) => field in fieldsOf(kind))] = name;
      this.draft.set(["rules", key], value);
      document.getElementById(idOf(["rules", key]))?.setAttribute("open", "");
    };
    return h("section", { class: "zone-rules" }, h("h3", {}, this.say("rules")),
      own.length ? own.map((key) => this.editor.entry(["rules", key], entry, this.rules)) : h("p", { class: "hint" }, this.say("no_rules")),
      h("div", { class: "tools" }, chosen, h("button", { type: "button", id: "add-rule", onclick: add }, t("add_rule"))));
  }
}
