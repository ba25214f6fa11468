// One camera: zones, lines and the ground plane, drawn on its still, and its settings.
import { h, put } from "./dom.js";
import { Drawn, LINES, ZONES } from "./drawn.js";
import { Form } from "./form.js";
import { ground } from "./ground.js";
import { Picture } from "./picture.js";
import { t } from "./words.js";

export const DRAWN = ["zones", "lines", "calibration"]; // fields of a camera that have no form of their own

export class CameraView {
  constructor(editor, name) {
    Object.assign(this, { editor, name, draft: editor.draft });
    this.path = ["cameras", name];
    this.mode = "zones";
    this.own = null;
    this.form = new Form({ ...editor.context, hidden: DRAWN });
    this.drawn = { zones: new Drawn(this, ZONES), lines: new Drawn(this, LINES) };
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

  // What is edited now: the zones or the lines; undefined: the ground.
  get active() {
    return this.drawn[this.mode];
  }

  setPicture() {
    this.picture = new Picture({
      source: this.own ?? `/site/stills/${this.name}.jpg?${Date.now()}`,
      label: t("picture_of", { camera: this.name }),
      onplace: (point) => this.active.place(point),
      onmissing: () => this.stage.append(h("p", { class: "no-still" }, t("no_picture"))),
    });
    this.stage.replaceChildren(this.picture.element);
  }

  render() {
    for (const one of Object.values(this.drawn)) one.settle();
    put(this.head, this.heading());
    put(this.side, this.active ? this.active.panel() : this.ground.panel());
    put(this.below, this.cameraForm());
    this.draw();
  }

  draw() {
    const { zones, lines } = this.drawn;
    const shapes = this.active ? [...zones.shapes(this.active === zones), ...lines.shapes(this.active === lines)] : this.ground.shapes();
    this.picture.show({ shapes, lines: this.active ? [] : this.ground.lines, path: this.active?.placing ?? null });
  }

  show(mode) {
    for (const one of Object.values(this.drawn)) one.placing = null;
    this.mode = mode;
    this.editor.render();
    if (mode === "ground") this.ground.fit();
  }

  heading() {
    const tab = (mode) => h("button", {
      type: "button", id: `mode-${mode}`, "aria-pressed": String(this.mode === mode), class: "tab", onclick: () => this.show(mode),
    }, t(mode));
    const file = h("input", { type: "file", accept: "image/*", id: "own-picture", class: "sr", onchange: (event) => this.useOwn(event.target.files[0]) });
    return [
      h("div", { class: "tabs", role: "group", "aria-label": t("what_to_draw") }, ["zones", "lines", "ground"].map(tab)),
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

  cameraForm() {
    const entry = this.editor.forms.sections.cameras.entry;
    return h("details", { id: "camera-form" }, h("summary", {}, t("settings_of", { name: this.name })),
      h("div", { class: "fields" }, this.form.entry(this.path, entry)),
      h("button", { type: "button", class: "danger", id: "remove-camera", onclick: () => { this.draft.set(this.path, undefined); this.editor.open("cameras"); } }, t("remove_camera", { camera: this.name })));
  }
}
