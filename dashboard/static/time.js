// Times and numbers as all pages write them: the site's zone with UTC on hover, the reader's language.
const page = document.documentElement;
const timeZone = page.dataset.zone;
const language = page.lang === "en" ? "en-GB" : page.lang; // the day first, as the server writes it

const dayForm = new Intl.DateTimeFormat(language, { timeZone, dateStyle: "medium" });
const clockForm = new Intl.DateTimeFormat("en-GB", { timeZone, timeStyle: "medium" });
const numberForms = new Map();

// A time of day; takes milliseconds or a Date.
export function clock(at) {
  return clockForm.format(at);
}

// A time to the second; with its day when that is not today.
export function when(at) {
  const day = dayForm.format(at);
  return day === dayForm.format(new Date()) ? clock(at) : `${day} ${clock(at)}`;
}

// An ISO time as an element that tells it in UTC on hover.
export function timeElement(iso) {
  const at = new Date(iso);
  const element = document.createElement("time");
  element.dateTime = iso;
  element.title = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  element.textContent = when(at);
  return element;
}

// A number with the language's signs, and at most so many decimals.
export function number(value, digits = 2) {
  if (!numberForms.has(digits)) numberForms.set(digits, new Intl.NumberFormat(language, { maximumFractionDigits: digits }));
  return numberForms.get(digits).format(value);
}
