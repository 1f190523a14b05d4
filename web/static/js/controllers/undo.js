const OFFERED_MS = 10_000;

let timer;

/** Says below the text what was just done, and takes it back when asked to, for some seconds. */
export function offerUndo(said, words, act) {
  const line = document.getElementById("undo");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button--link";
  button.textContent = words.say("undo");
  button.addEventListener("click", () => {
    withdraw();
    act();
  });
  line.replaceChildren(said, button);
  line.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(withdraw, OFFERED_MS);

  function withdraw() {
    clearTimeout(timer);
    if (line.contains(document.activeElement)) document.getElementById("text").focus();
    line.hidden = true;
  }
}
