// One camera: zones and the ground plane, drawn on its still, and the rules of its zones.
import { h, idOf, put } from "./dom.js";
import { Form, blank } from "./form.js";
import { ground } from "./ground.js";
import { Picture } from "./picture.js";
import { t } from "./words.js";
import { number } from "../time.js";

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const percent = (value) => number(value * 100, 1);

function freeName(start, taken) {
  let number = 1;
  while (`${start}-${number}` in taken) number += 1;
  return `${start}-${number}`;
}

export class CameraView {
  constructor(editor, name) {
    Object.assign(this, { editor, name, draft: editor.draft });
    this.path = ["cameras", name];
    this.zone = Object.keys(this.zones)[0] ?? null;
    this.mode = "zones";
    this.placing = null;
    this.own = null;
    this.form = new Form({ ...editor.context, hidden: ["zones", "calibration"] });
    this.rules = new Form(editor.context);
    this.ground = ground(this);
    this.element = h("div", { class: "camera-view" });
    this.stage = h("div", {});
    this.side = h("div", { class: "side" });
    this.below = h("div", { class: "below" });
    this.head = h("div", { class: "stage-head" });
    this.element.append(
      h("div", { class: "workplace" }, h("div", {}, this.head, this.stage), this.side),
      this.below,
    );
    this.setPicture();
    this.render();
  }

  get zones() {
    return this.draft.at([...this.path, "zones"]) ?? {};
  }

  setPicture() {
    this.picture = new Picture({
      source: this.own ?? `/site/stills/${this.name}.jpg?${Date.now()}`,
      label: t("picture_of", { camera: this.name }),
      onplace: (point) => this.place(point),
      onmissing: () => this.stage.append(h("p", { class: "no-still" }, t("no_picture"))),
    });
    this.stage.replaceChildren(this.picture.element);
  }

  render() {
    if (this.zone !== null && !(this.zone in this.zones)) this.zone = Object.keys(this.zones)[0] ?? null;
    put(this.head, this.heading());
    put(this.side, this.mode === "zones" ? this.zonePanel() : this.ground.panel());
    put(this.below, this.cameraForm());
    this.draw();
  }

  draw() {
    const shapes = this.mode === "zones" ? Object.keys(this.zones).map((name) => this.shape(name)) : this.ground.shapes();
    this.picture.show({ shapes, lines: this.mode === "ground" ? this.ground.lines : [], path: this.placing });
  }

  heading() {
    const tab = (mode, text) => h("button", {
      type: "button", id: `mode-${mode}`, "aria-pressed": String(this.mode === mode), class: "tab",
      onclick: () => { this.mode = mode; this.placing = null; this.render(); if (mode === "ground") this.ground.fit(); },
    }, text);
    const file = h("input", { type: "file", accept: "image/*", id: "own-picture", class: "sr", onchange: (event) => this.useOwn(event.target.files[0]) });
    return [
      h("div", { class: "tabs", role: "group", "aria-label": t("what_to_draw") }, tab("zones", t("zones")), tab("ground", t("ground"))),
      h("div", { class: "tools" },
        h("button", { type: "button", id: "new-still", onclick: () => { this.own = null; this.setPicture(); this.render(); } }, t("new_still")),
        h("label", { class: "button", for: "own-picture" }, t("own_picture"), file)),
    ];
  }

  useOwn(file) {
    if (!file) return;
    if (this.own) URL.revokeObjectURL(this.own);
    this.own = URL.createObjectURL(file);
    this.setPicture();
    this.render();
  }

  // ---------------------------------------------------------------- zones

  polygonPath(name) {
    return [...this.path, "zones", name, "polygon"];
  }

  shape(name) {
    const path = this.polygonPath(name);
    const points = this.draft.at(path) ?? [];
    return {
      name, points, closed: true, selected: name === this.zone && !this.placing,
      onselect: () => { this.zone = name; this.render(); },
      onmove: (at, point) => this.draft.set([...path, at], point),
      onremove: (at) => this.removeCorner(path, points, at),
      onadd: (at, point) => this.addCorner(path, points, at, point),
      label: (at) => t("corner", { zone: name, number: at + 1, of: points.length, x: percent(points[at][0]), y: percent(points[at][1]) }),
    };
  }

  removeCorner(path, points, at) {
    if (points.length <= 3) return this.editor.say(t("three_corners"));
    this.draft.set(path, points.filter((_, index) => index !== at));
    document.getElementById(`corner-${Math.min(at, points.length - 2)}`)?.focus();
  }

  addCorner(path, points, at, point) {
    const next = points[(at + 1) % points.length];
    const place = point ?? [0, 1].map((axis) => Math.round(((points[at][axis] + next[axis]) / 2) * 10000) / 10000);
    this.draft.set(path, [...points.slice(0, at + 1), place, ...points.slice(at + 1)]);
    document.getElementById(`corner-${at + 1}`)?.focus();
  }

  zonePanel() {
    const names = Object.keys(this.zones);
    const list = names.map((name) => h("button", {
      type: "button", id: idOf(["pick", name]), class: "pick", "aria-pressed": String(name === this.zone),
      onclick: () => { this.zone = name; this.render(); },
    }, name));
    const parts = [
      h("h2", {}, t("zones")),
      names.length ? h("div", { class: "picks" }, list) : h("p", { class: "hint" }, t("no_zones")),
      this.placing ? this.placingTools() : h("div", { class: "tools" },
        h("button", { type: "button", id: "draw-zone", onclick: () => this.startPlacing() }, t("draw_zone")),
        h("button", { type: "button", id: "add-zone", onclick: () => this.addRectangle() }, t("add_rectangle"))),
    ];
    if (this.zone !== null && !this.placing) parts.push(this.zoneForm(this.zone));
    return parts;
  }

  startPlacing() {
    this.placing = [];
    this.render();
    document.getElementById("cancel-zone")?.focus();
  }

  placingTools() {
    const done = () => this.finish();
    return h("div", {},
      h("p", { role: "status" }, t("placing", { count: this.placing.length })),
      h("div", { class: "tools" },
        h("button", { type: "button", id: "finish-zone", disabled: this.placing.length < 3, onclick: done }, t("finish")),
        h("button", { type: "button", id: "step-back", disabled: !this.placing.length, onclick: () => { this.placing.pop(); this.render(); } }, t("last_corner_off")),
        h("button", { type: "button", id: "cancel-zone", onclick: () => { this.placing = null; this.render(); document.getElementById("draw-zone")?.focus(); } }, t("cancel"))));
  }

  place(point) {
    const [first] = this.placing;
    const near = first && this.placing.length > 2 && Math.hypot(point[0] - first[0], point[1] - first[1]) < 0.02;
    if (near) return this.finish();
    this.placing.push(point);
    this.render();
  }

  finish() {
    const points = this.placing;
    if (!points || points.length < 3) return;
    this.placing = null;
    this.addZone(points);
  }

  addRectangle() {
    this.addZone([[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]);
  }

  addZone(points) {
    const name = freeName("zone", this.zones);
    this.zone = name;
    this.draft.set([...this.path, "zones", name], { polygon: points });
    document.getElementById("zone-name")?.focus();
    document.getElementById("zone-name")?.select();
  }

  zoneForm(name) {
    const path = this.polygonPath(name);
    const points = this.draft.at(path) ?? [];
    const cell = (at, axis) => h("td", {}, h("input", {
      type: "text", inputmode: "decimal", id: idOf([...path, at, axis]), value: percent(points[at][axis]),
      "aria-label": `${axis ? "y" : "x"} ${at + 1} (%)`,
      onchange: (event) => {
        const read = Number(event.target.value.replace(",", ".")) / 100;
        if (Number.isNaN(read)) event.target.value = percent(points[at][axis]);
        else this.draft.set([...path, at, axis], Math.round(read * 10000) / 10000);
      },
    }));
    return h("div", { class: "zone" },
      h("div", { class: "field" },
        h("label", { for: "zone-name" }, t("zone_name")),
        h("input", { id: "zone-name", type: "text", maxlength: "64", autocomplete: "off", spellcheck: "false", value: name, onchange: (event) => this.rename(name, event.target) }),
        h("p", { class: "hint" }, t("name_rule"))),
      h("p", { class: "hint", id: "corner-help" }, t("corner_help")),
      h("p", { class: "problem", id: `${idOf(path)}-problem`, "data-path": `cameras.${this.name}.zones.${name}`, hidden: true }),
      h("details", { id: "corners", open: true }, h("summary", {}, t("corners", { count: points.length })),
        h("table", { class: "corners" },
          h("thead", {}, h("tr", {}, h("th", {}, t("number")), h("th", {}, "x (%)"), h("th", {}, "y (%)"), h("th", {}, h("span", { class: "sr" }, t("change"))))),
          h("tbody", {}, points.map((_, at) => h("tr", {}, h("td", {}, String(at + 1)), cell(at, 0), cell(at, 1),
            h("td", { class: "row-tools" },
              h("button", { type: "button", class: "small", id: `more-${at}`, "aria-label": t("add_after", { number: at + 1 }), onclick: () => this.addCorner(path, points, at) }, "+"),
              h("button", { type: "button", class: "small", id: `less-${at}`, "aria-label": t("remove_corner", { number: at + 1 }), onclick: () => this.removeCorner(path, points, at) }, "−"))))))),
      this.zoneRules(name),
      h("button", { type: "button", class: "danger", id: "remove-zone", onclick: () => this.draft.set([...this.path, "zones", name], undefined) }, t("remove_zone", { zone: name })));
  }

  rename(name, box) {
    const wanted = box.value.trim();
    if (wanted === name) return;
    if (!NAME.test(wanted) || wanted in this.zones) {
      box.value = name;
      return this.editor.say(wanted in this.zones ? t("name_taken", { name: wanted }) : t("name_rule"));
    }
    this.zone = wanted;
    this.draft.change((data) => {
      const zones = data.cameras[this.name].zones;
      data.cameras[this.name].zones = Object.fromEntries(Object.entries(zones).map(([key, value]) => [key === name ? wanted : key, value]));
      for (const rule of Object.values(data.rules ?? {})) {
        if (rule?.camera !== this.name) continue;
        for (const field of ["zone", "vehicle_zone"]) if (rule[field] === name) rule[field] = wanted;
      }
    });
  }

  // ---------------------------------------------------------------- rules of a zone

  zoneRules(name) {
    const all = this.draft.at(["rules"]) ?? {};
    const own = Object.keys(all).filter((key) => all[key]?.camera === this.name && [all[key].zone, all[key].vehicle_zone].includes(name));
    const entry = this.editor.forms.sections.rules.entry;
    const { definitions, kinds } = this.editor.forms;
    const fitting = Object.entries(entry.discriminator.mapping)
      .filter(([, where]) => ["zone", "vehicle_zone"].some((field) => field in definitions[where.split("/").pop()].properties));
    const chosen = h("select", { id: "rule-kind", "aria-label": t("rule_kind") }, fitting.map(([kind]) => h("option", { value: kind }, kinds[kind]?.text ?? kind)));
    const add = () => {
      const kind = chosen.value;
      const key = freeName(`${name}-${kind.replaceAll("_", "-")}`, all);
      const fields = definitions[entry.discriminator.mapping[kind].split("/").pop()].properties;
      const value = { ...blank(entry, definitions, this.editor.context.choices, kind), camera: this.name };
      value["zone" in fields ? "zone" : "vehicle_zone"] = name;
      this.draft.set(["rules", key], value);
      document.getElementById(idOf(["rules", key]))?.setAttribute("open", "");
    };
    return h("section", { class: "zone-rules" }, h("h3", {}, t("rules_of_zone")),
      own.length ? own.map((key) => this.editor.entry(["rules", key], entry, this.rules)) : h("p", { class: "hint" }, t("no_rules")),
      h("div", { class: "tools" }, chosen, h("button", { type: "button", id: "add-rule", onclick: add }, t("add_rule"))));
  }

  cameraForm() {
    const entry = this.editor.forms.sections.cameras.entry;
    return h("details", { id: "camera-form" }, h("summary", {}, t("settings_of", { name: this.name })),
      h("div", { class: "fields" }, this.form.entry(this.path, entry)),
      h("button", { type: "button", class: "danger", id: "remove-camera", onclick: () => { this.draft.set(this.path, undefined); this.editor.open("cameras"); } }, t("remove_camera", { camera: this.name })));
  }
}
