/** A new element of what is built when it is opened: a dialog, a list, a line of it. */
export function part(tag, name, text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}
