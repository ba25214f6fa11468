// A tick box beside a password field that shows what is typed: gloves and phones mistype.
for (const field of document.querySelectorAll("input[data-show]")) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.addEventListener("change", () => {
    field.type = box.checked ? "text" : "password";
  });
  field.form.addEventListener("submit", () => {
    field.type = "password";
  });
  const label = document.createElement("label");
  label.className = "tick";
  label.append(box, " ", field.dataset.show);
  field.after(label);
}
