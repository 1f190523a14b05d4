/** A button beside a password that shows what was typed. */
export default function reveal(element, { words }) {
  const input = element.querySelector("input");
  const button = document.createElement("button");
  const icon = document.createElement("span");
  button.type = "button";
  button.className = "button button--quiet button--icon";
  icon.className = "icon icon--eye";
  button.append(icon);
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  element.append(button);

  function show(isShown) {
    input.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", String(isShown));
    button.title = words.say(isShown ? "hidePassword" : "showPassword");
    button.setAttribute("aria-label", words.say("showPassword"));
  }
}
