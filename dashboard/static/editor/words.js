// The page's words in the reader's language, as the server has put them into the page.
const words = JSON.parse(document.getElementById("editor").dataset.words);

export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

// The same where a value is an element: pieces of text and what stands between them.
export function pieces(key, values) {
  const between = (words[key] ?? key).split(/\{(\w+)\}/);
  return between.map((piece, at) => (at % 2 ? values[piece] ?? `{${piece}}` : piece));
}
