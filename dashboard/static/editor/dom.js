// Elements without markup: all text is set as text, so that nothing from outside becomes HTML.
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (name === "checked") element.checked = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// Puts fresh content in an element's place and keeps what has the focus and what is open.
export function put(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...element.querySelectorAll("details[open][id]")].map((one) => one.id);
  const closed = [...element.querySelectorAll("details:not([open])[id]")].map((one) => one.id);
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const id of closed) document.getElementById(id)?.removeAttribute("open");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// A place in the file as text, as the server writes it: cameras.gate.zones.press.polygon[1]
export function pathText(path) {
  return path.map((key, at) => (typeof key === "number" ? `[${key}]` : at ? `.${key}` : key)).join("");
}

export function idOf(path) {
  return `at-${pathText(path).replace(/[^A-Za-z0-9]/g, "-")}`;
}
