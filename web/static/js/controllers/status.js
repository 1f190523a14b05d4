const ICONS = { sending: "clock", sent: "tick", saved: "ticks", failed: "alert" };

/** A message that was refused so often in a row says why; the sign says it from the first time. */
const LOUD_FROM = 2;

/** Says in a sign and in words what became of an own message; `code` is why it waits or failed. */
export function showStatus(node, state, words, { code, tries = 0, retry, discard } = {}) {
  const shown = node.querySelector(".message__state") ?? node.appendChild(newSign());
  const said = state === "failed" || !code ? words.say(state) : words.code(code);
  shown.dataset.state = state;
  shown.title = said;
  shown.setAttribute("aria-label", said);
  shown.firstElementChild.className = `icon icon--${ICONS[state]}`;
  node.classList.toggle("message--failed", state === "failed");
  node.querySelector(".message__trouble")?.remove();
  // Most refusals pass before anybody could read them.
  if (state === "failed" || (code && tries >= LOUD_FROM)) node.append(newTrouble(state, words, { code, retry, discard }));
}

function newSign() {
  const sign = document.createElement("span");
  sign.className = "message__state";
  sign.setAttribute("role", "img");
  sign.append(document.createElement("span"));
  return sign;
}

function newTrouble(state, words, { code, retry, discard }) {
  const trouble = document.createElement("p");
  trouble.className = "message__trouble";
  const failed = state === "failed";
  trouble.append(failed ? `${words.say("failed")}. ${words.code(code)}` : words.code(code));
  if (failed) trouble.append(newButton(words.say("retry"), retry), newButton(words.say("discard"), discard));
  return trouble;
}

function newButton(name, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button--link";
  button.textContent = name;
  button.addEventListener("click", act);
  return button;
}
