// The editor of zones and rules: one draft, several views of it, and the way to a saved version.
import { CameraView, DRAWN } from "./camera.js";
import { h, idOf, put } from "./dom.js";
import { Draft } from "./draft.js";
import { Form, blank, showProblems } from "./form.js";
import { Review } from "./review.js";
import { ask } from "./server.js";
import { t } from "./words.js";

const root = document.getElementById("editor");
const CHECK_MS = 400;
const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

class Editor {
  constructor(file, forms) {
    this.file = file;
    this.forms = forms;
    this.draft = Draft.open(file);
    this.problems = [];
    this.checked = null;
    this.asked = 0;
    this.context = { draft: this.draft, forms, choices: (what, path) => this.choices(what, path) };
    this.form = new Form(this.context);
    this.menu = h("nav", { class: "sections", "aria-label": t("sections") });
    this.place = h("div", { class: "place" });
    this.bar = h("div", { class: "bar" });
    this.told = h("p", { class: "told", role: "status" });
    this.review = new Review(this);
    root.replaceChildren(this.menu, this.told, this.place, this.bar, this.review.element);
    this.draft.addEventListener("change", () => this.changed());
    addEventListener("hashchange", () => this.open(location.hash.slice(1)));
    addEventListener("beforeunload", (event) => { if (this.draft.dirty && !this.leaving) event.preventDefault(); });
    addEventListener("keydown", (event) => this.key(event));
    this.open(location.hash.slice(1));
    this.changed();
    if (this.draft.stale) this.review.meanwhile();
  }

  key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    if (["INPUT", "TEXTAREA"].includes(document.activeElement?.tagName)) return;
    event.preventDefault();
    if (event.shiftKey) this.draft.redo();
    else this.draft.undo();
  }

  choices(what, path) {
    const data = this.draft.data;
    const names = (items) => Object.keys(items ?? {}).map((value) => ({ value, label: items[value]?.name ? `${items[value].name} (${value})` : value }));
    if (what === "hazards") return Object.entries(this.forms.hazards).map(([value, label]) => ({ value, label }));
    if (!["zones", "lines"].includes(what)) return names(data[what]);
    const holder = this.draft.at(path.slice(0, -1)) ?? {};
    const cameras = holder.camera ? [data.cameras?.[holder.camera]] : Object.values(data.cameras ?? {}).filter((one) => one?.area === holder.area);
    return cameras.flatMap((one) => names(one?.[what]));
  }

  // ---------------------------------------------------------------- views

  open(where) {
    const [section, name] = where.split("/");
    const cameras = this.draft.data.cameras ?? {};
    const first = Object.keys(cameras)[0];
    if (section === "camera" && name in cameras) this.where = where;
    else if (section in this.forms.sections) this.where = section;
    else this.where = first ? `camera/${first}` : "cameras";
    const camera = this.where.startsWith("camera/") ? this.where.slice(7) : null;
    this.view = camera ? new CameraView(this, camera) : null;
    if (location.hash.slice(1) !== this.where) history.replaceState(null, "", `#${this.where}`);
    this.place.replaceChildren(this.view ? this.view.element : h("div", { class: "list-view" }));
    this.render();
  }

  render() {
    if (this.view && !(this.view.name in (this.draft.data.cameras ?? {}))) return this.open("cameras");
    this.renderMenu();
    if (this.view) this.view.render();
    else put(this.place.firstElementChild, this.list(this.where));
    this.review.left = showProblems(this.place, this.problems);
    this.renderBar();
  }

  renderMenu() {
    const link = (where, text) => h("a", { href: `#${where}`, id: idOf(["go", where]), "aria-current": this.where === where ? "page" : undefined },
      text, this.wrong(where) ? h("span", { class: "wrong" }, ` ${t("wrong")}`) : null);
    put(this.menu,
      Object.keys(this.draft.data.cameras ?? {}).map((name) => link(`camera/${name}`, name)),
      Object.keys(this.forms.sections).map((name) => link(name, t(`section_${name}`))));
  }

  wrong(where) {
    const start = where.startsWith("camera/") ? `cameras.${where.slice(7)}` : this.forms.sections[where].path.join(".");
    if (where === "cameras") return false;
    return this.problems.some((one) => one.path === start || one.path.startsWith(`${start}.`));
  }

  list(section) {
    const { path, entry } = this.forms.sections[section];
    const items = this.draft.at(path) ?? {};
    const names = Object.keys(items);
    return [h("h2", {}, t(`section_${section}`)), h("p", { class: "hint" }, t(`about_${section}`)),
      names.length ? names.map((name) => this.entry([...path, name], entry, section === "cameras" ? new Form({ ...this.context, hidden: DRAWN }) : this.form))
        : h("p", { class: "empty" }, t("nothing_yet")),
      this.adder(section, path, entry, items)];
  }

  entry(path, schema, form) {
    const value = this.draft.at(path) ?? {};
    const kind = this.forms.kinds[value.kind]?.text ?? value.kind;
    const where = value.zone ?? value.line ?? value.sensor ?? value.camera ?? value.area;
    return h("details", { class: "entry", id: idOf(path) },
      h("summary", {}, h("span", { class: "entry-name" }, path.at(-1)), h("span", { class: "soft" }, [value.name, kind, where].filter((one) => typeof one === "string").join(" · "))),
      h("p", { class: "problem", id: `${idOf(path)}-problem`, "data-path": path.join("."), hidden: true }),
      h("div", { class: "fields" }, form.entry(path, schema)),
      h("button", { type: "button", class: "danger", id: `${idOf(path)}-remove`, onclick: () => this.draft.set(path, undefined) }, t("remove_entry", { name: path.at(-1) })));
  }

  adder(section, path, entry, items) {
    const name = h("input", { id: "new-name", type: "text", maxlength: "64", autocomplete: "off", spellcheck: "false" });
    const kinds = entry.discriminator ? h("select", { id: "new-kind" }, Object.keys(entry.discriminator.mapping).map((kind) => h("option", { value: kind }, this.forms.kinds[kind]?.text ?? kind))) : null;
    const add = (event) => {
      event.preventDefault();
      const wanted = name.value.trim();
      if (!NAME.test(wanted)) return this.say(t("name_rule"), name);
      if (wanted in items) return this.say(t("name_taken", { name: wanted }), name);
      this.draft.set([...path, wanted], blank(entry, this.forms.definitions, this.context.choices, kinds?.value));
      const made = document.getElementById(idOf([...path, wanted]));
      made?.setAttribute("open", "");
      made?.querySelector("summary")?.focus();
      if (section === "cameras") this.say(t("camera_added", { name: wanted }));
    };
    return h("form", { class: "adder", onsubmit: add }, h("h3", {}, t("add_entry")),
      h("div", { class: "field" }, h("label", { for: "new-name" }, t("name")), name, h("p", { class: "hint" }, t("name_rule"))),
      kinds ? h("div", { class: "field" }, h("label", { for: "new-kind" }, t("kind")), kinds) : null,
      h("button", { id: "new-entry" }, t("add")));
  }

  // ---------------------------------------------------------------- changes

  say(text, focus) {
    this.told.textContent = text;
    focus?.focus();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => { this.told.textContent = ""; }, 8000);
  }

  changed() {
    this.render();
    if (this.view?.mode === "ground") this.view.ground.fit();
    this.asked += 1;
    this.checked = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_MS);
  }

  // The answer counts only if nothing was asked or changed since.
  async check() {
    const number = ++this.asked;
    const { patch, base } = this.draft;
    let checked = null;
    let fault = null;
    try {
      checked = await ask("/api/v1/site/check", { base_sha256: base.sha256, patch });
    } catch (error) {
      fault = { path: "", what: error.message, value: "", mend: t("repeat") };
    }
    if (number !== this.asked) return;
    this.checked = checked;
    this.problems = fault ? [fault] : checked.problems;
    this.review.left = showProblems(this.place, this.problems);
    this.renderMenu();
    this.renderBar();
    this.review.checkedAgain();
  }

  renderBar() {
    const { dirty, past, future } = this.draft;
    this.bar.hidden = !dirty && !past.length && !future.length && !this.problems.length;
    const count = this.checked ? this.checked.steps.length + this.checked.more : "…";
    const state = !dirty ? t("unchanged") : this.problems.length ? t("has_problems", { count: this.problems.length }) : t("changes", { count });
    const outside = (this.review.left ?? []).map((one) => h("li", {}, h("button", { type: "button", class: "quiet", onclick: () => this.goTo(one.path) }, `${one.path} ${one.what} ${one.value}: ${one.mend}`)));
    put(this.bar,
      h("div", { class: "tools" },
        h("button", { type: "button", id: "undo", disabled: !past.length, onclick: () => this.draft.undo() }, h("span", { "aria-hidden": "true" }, "↶"), h("span", { class: "long" }, t("undo"))),
        h("button", { type: "button", id: "redo", disabled: !future.length, onclick: () => this.draft.redo() }, h("span", { "aria-hidden": "true" }, "↷"), h("span", { class: "long" }, t("redo"))),
        h("button", { type: "button", id: "discard", disabled: !dirty, onclick: () => this.discard() }, t("discard")),
        h("span", { class: this.problems.length ? "bar-state wrong" : "bar-state" }, state),
        h("button", { type: "button", id: "review", class: "main", disabled: !dirty, onclick: () => this.review.open() }, t("review"))),
      outside.length ? h("ul", { class: "elsewhere" }, outside) : null);
  }

  goTo(path) {
    const [, camera, part, name] = /^cameras\.([a-z0-9_-]+)(?:\.(zones|lines)\.([a-z0-9_-]+))?/.exec(path) ?? [];
    const section = Object.entries(this.forms.sections).find(([, one]) => path.startsWith(one.path.join(".")));
    if (camera) {
      if (this.view?.name !== camera) this.open(`camera/${camera}`);
      if (name) this.view?.drawn[part].choose(name);
    } else if (section) location.hash = section[0];
  }

  async discard() {
    if (!confirm(t("discard_sure"))) return;
    await this.load();
    this.draft.discard(this.file);
    this.open(this.where);
  }

  async load() {
    this.file = await ask("/api/v1/site");
    return this.file;
  }
}

const told = h("p", { role: "status" }, t("loading"));
root.replaceChildren(told);
try {
  const [file, forms] = await Promise.all([ask("/api/v1/site"), ask("/api/v1/site/schema")]);
  new Editor(file, forms);
} catch (error) {
  told.className = "notice bad";
  told.textContent = `${t("not_loaded")} ${error.message}`;
}
