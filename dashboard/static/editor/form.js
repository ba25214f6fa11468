// Builds the fields of a form from a JSON Schema: whatever the models have, the form has.
import { h, idOf, pathText } from "./dom.js";
import { t } from "./words.js";

export function resolve(schema, definitions) {
  if (schema.$ref) return { ...definitions[schema.$ref.split("/").pop()], ...rest(schema) };
  if (schema.allOf?.length === 1) return { ...resolve(schema.allOf[0], definitions), ...rest(schema) };
  const options = schema.anyOf?.filter((one) => one.type !== "null");
  if (options?.length === 1) return { ...resolve(options[0], definitions), ...rest(schema) };
  return schema;
}

function rest({ $ref, anyOf, allOf, ...others }) {
  return others;
}

// The schema of the kind that a value has, where several can stand.
export function ofKind(schema, kind, definitions) {
  const name = schema.discriminator?.mapping[kind]?.split("/").pop();
  return name ? definitions[name] : null;
}

// A new entry: what must stand and can be guessed; the check asks for the rest.
export function blank(schema, definitions, choices, kind) {
  const node = resolve(schema, definitions);
  if (node.discriminator) {
    const chosen = kind ?? Object.keys(node.discriminator.mapping)[0];
    return blank(ofKind(node, chosen, definitions), definitions, choices);
  }
  if (node.properties) {
    const value = {};
    for (const name of node.required ?? []) {
      const inner = blank(node.properties[name], definitions, choices);
      if (inner !== undefined) value[name] = inner;
    }
    return value;
  }
  if (node.const !== undefined) return node.const;
  if (node["x-choices"] && node.type === "string") return choices(node["x-choices"], [])[0]?.value;
  if (node.enum) return node.enum[0];
  if (node.type === "array") return node.items && !node["x-choices"] && resolve(node.items, definitions).properties
    ? [blank(node.items, definitions, choices)] : [];
  return undefined;
}

export class Form {
  // `choices(name, path)` gives the names that a field can take one of.
  constructor({ draft, forms, choices, hidden = [] }) {
    Object.assign(this, { draft, forms, choices, hidden });
  }

  entry(path, schema) {
    const node = resolve(schema, this.forms.definitions);
    return node.discriminator ? this.union(path, node) : this.properties(path, node);
  }

  union(path, node) {
    const kind = this.draft.at(path)?.kind;
    const chosen = ofKind(node, kind, this.forms.definitions);
    const words = this.forms.kinds;
    const options = Object.keys(node.discriminator.mapping).map((one) => ({ value: one, label: words[one]?.text ?? one }));
    const switchTo = (value) => {
      const before = this.draft.at(path) ?? {};
      const fresh = blank(node, this.forms.definitions, this.choices, value);
      const known = ofKind(node, value, this.forms.definitions).properties;
      const kept = Object.fromEntries(Object.entries(before).filter(([key]) => key in known && key !== "kind" && key !== "hazard"));
      this.draft.set(path, { ...fresh, ...kept });
    };
    const parts = [this.select([...path, "kind"], { title: t("kind") }, options, true, switchTo)];
    if (words[kind]?.help) parts.push(h("p", { class: "hint" }, words[kind].help));
    if (chosen) parts.push(...this.properties(path, chosen));
    return parts;
  }

  properties(path, node) {
    const required = new Set(node.required ?? []);
    return Object.entries(node.properties)
      .filter(([name, one]) => one.const === undefined && !this.hidden.includes(name))
      .map(([name, one]) => this.field([...path, name], one, required.has(name)));
  }

  field(path, schema, required) {
    const node = resolve(schema, this.forms.definitions);
    if (node.discriminator || node.properties) {
      const inner = node.discriminator ? this.union(path, node) : this.properties(path, node);
      return h("fieldset", { class: "group" }, h("legend", {}, node.title), this.problem(path), inner);
    }
    if (node.type === "array") return this.list(path, node, required);
    if (node["x-choices"]) return this.select(path, node, this.choices(node["x-choices"], path), required);
    if (node.enum) return this.select(path, node, node.enum.map((one) => ({ value: one, label: this.forms.values[one] ?? one })), required);
    if (node.type === "boolean") return this.switch(path, node);
    return this.input(path, node, required);
  }

  input(path, node, required) {
    const number = node.type === "number" || node.type === "integer";
    const value = this.draft.at(path);
    const put = (event) => {
      const text = event.target.value.trim();
      const read = number ? Number(text.replace(",", ".")) : text;
      this.draft.set(path, text === "" ? undefined : Number.isNaN(read) ? text : read);
    };
    const box = h("input", {
      id: idOf(path), type: "text", inputmode: number ? "decimal" : undefined, autocomplete: "off", spellcheck: "false",
      placeholder: node.default ?? undefined, required, onchange: put, value: value ?? "",
      "aria-describedby": `${idOf(path)}-help ${idOf(path)}-problem`,
    });
    return this.labelled(path, node, box);
  }

  select(path, node, options, required, choose = (value) => this.draft.set(path, value || undefined)) {
    const value = this.draft.at(path);
    const known = options.some((one) => one.value === value);
    const empty = node.default ? t("by_default", { value: options.find((one) => one.value === node.default)?.label ?? this.forms.values[node.default] ?? node.default }) : required ? t("choose") : t("none");
    const box = h("select", {
      id: idOf(path), onchange: (event) => choose(event.target.value),
      "aria-describedby": `${idOf(path)}-help ${idOf(path)}-problem`,
    },
      h("option", { value: "" }, empty),
      value !== undefined && !known ? h("option", { value }, value) : null,
      options.map((one) => h("option", { value: one.value }, one.label)));
    box.value = value ?? "";
    return this.labelled(path, node, box);
  }

  switch(path, node) {
    const box = h("input", {
      id: idOf(path), type: "checkbox", checked: this.draft.at(path) ?? node.default ?? false,
      onchange: (event) => this.draft.set(path, event.target.checked),
      "aria-describedby": `${idOf(path)}-help ${idOf(path)}-problem`,
    });
    return h("div", { class: "field" }, h("label", { class: "switch", for: idOf(path) }, box, node.title), this.help(path, node), this.problem(path));
  }

  labelled(path, node, box) {
    const unit = node["x-unit"] ? ` (${node["x-unit"]})` : "";
    return h("div", { class: "field" }, h("label", { for: idOf(path) }, node.title + unit), box, this.help(path, node), this.problem(path));
  }

  list(path, node, required) {
    const item = resolve(node.items ?? {}, this.forms.definitions);
    if (item.properties) return this.cards(path, node, item);
    const options = node["x-choices"] ? this.choices(node["x-choices"], path)
      : item.enum ? item.enum.map((one) => ({ value: one, label: this.forms.values[one] ?? one })) : null;
    if (options) return this.boxes(path, node, options);
    const value = this.draft.at(path);
    const put = (event) => {
      const words = event.target.value.split(",").map((one) => one.trim()).filter(Boolean);
      this.draft.set(path, words.length || required ? words : undefined);
    };
    const box = h("input", {
      id: idOf(path), type: "text", autocomplete: "off", spellcheck: "false", onchange: put,
      value: (value ?? []).join(", "), placeholder: (node.default ?? []).join(", ") || undefined,
      "aria-describedby": `${idOf(path)}-help ${idOf(path)}-problem`,
    });
    return this.labelled(path, { ...node, description: [node.description, t("with_commas")].filter(Boolean).join("; ") }, box);
  }

  boxes(path, node, options) {
    const value = this.draft.at(path) ?? node.default ?? [];
    const all = [...options, ...value.filter((one) => !options.some((other) => other.value === one)).map((one) => ({ value: one, label: one }))];
    const toggle = (one, on) => {
      const now = all.map((other) => other.value).filter((other) => (other === one ? on : value.includes(other)));
      this.draft.set(path, now.length || node.minItems ? now : undefined);
    };
    return h("fieldset", { class: "field boxes", "aria-describedby": `${idOf(path)}-help ${idOf(path)}-problem` },
      h("legend", {}, node.title),
      all.map((one) => h("label", { class: "switch" },
        h("input", { id: idOf([...path, one.value]), type: "checkbox", checked: value.includes(one.value), onchange: (event) => toggle(one.value, event.target.checked) }),
        one.label)),
      this.help(path, node), this.problem(path));
  }

  cards(path, node, item) {
    const values = this.draft.at(path) ?? [];
    const required = new Set(item.required ?? []);
    const add = () => this.draft.set(path, [...values, blank(item, this.forms.definitions, this.choices)]);
    return h("fieldset", { class: "field cards" }, h("legend", {}, node.title),
      node.description ? h("p", { class: "hint", id: `${idOf(path)}-help` }, node.description) : null,
      values.map((_, at) => h("div", { class: "card" },
        Object.entries(item.properties).map(([name, one]) => this.field([...path, at, name], one, required.has(name))),
        h("button", { type: "button", class: "quiet", id: `${idOf([...path, at])}-less`, "aria-label": `${t("remove")}: ${node.title} ${at + 1}`, onclick: () => this.draft.set([...path, at], undefined) }, t("remove")),
        this.problem([...path, at]))),
      h("button", { type: "button", id: `${idOf(path)}-more`, "aria-label": `${t("add")}: ${node.title}`, onclick: add }, t("add")),
      this.problem(path));
  }

  help(path, node) {
    const { minimum: low, maximum: high, exclusiveMinimum: above } = node;
    const range = low !== undefined && high !== undefined ? `${low} – ${high}` : low !== undefined ? `≥ ${low}`
      : above !== undefined ? (high === undefined ? `> ${above}` : `> ${above}, ≤ ${high}`) : high !== undefined ? `≤ ${high}` : "";
    const text = [node.description, range].filter(Boolean).join(" · ");
    return h("p", { class: "hint", id: `${idOf(path)}-help` }, text);
  }

  problem(path) {
    return h("p", { class: "problem", id: `${idOf(path)}-problem`, "data-path": pathText(path), hidden: true });
  }
}

// Writes what the check found beside the fields; gives the problems that have no field here.
export function showProblems(root, problems) {
  const places = [...root.querySelectorAll(".problem[data-path]")];
  const told = new Map();
  const left = [];
  for (const one of problems) {
    const fits = places.filter((place) => one.path === place.dataset.path || one.path.startsWith(`${place.dataset.path}.`) || one.path.startsWith(`${place.dataset.path}[`));
    const place = fits.sort((a, b) => b.dataset.path.length - a.dataset.path.length)[0];
    if (place) told.set(place, [...(told.get(place) ?? []), one]);
    else left.push(one);
  }
  for (const place of places) {
    const found = told.get(place) ?? [];
    place.hidden = !found.length;
    place.textContent = found.map((one) => `${one.what}${one.value ? ` (${one.value})` : ""}: ${one.mend}`).join(" · ");
    const box = document.getElementById(place.id.replace(/-problem$/, ""));
    if (found.length) box?.setAttribute("aria-invalid", "true");
    else box?.removeAttribute("aria-invalid");
  }
  return left;
}
