const SHOWN_MS = 2_000;

/** A button beside a secret or an address that copies it, and says so in words. */
export default function copy(element, { words }) {
  const input = element.querySelector("input");
  const button = document.createElement("button");
  let timer;
  button.type = "button";
  button.className = "button button--quiet";
  button.textContent = words.say("copy");
  button.addEventListener("click", async () => {
    button.textContent = words.say((await isCopied()) ? "copied" : "copy");
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = words.say("copy")), SHOWN_MS);
  });
  element.append(button);

  /** Where the page is not secure there is no clipboard but the one of a selection; what is chosen is copied by hand then. */
  async function isCopied() {
    try {
      await navigator.clipboard.writeText(input.value);
      return true;
    } catch {
      input.focus();
      input.select();
      return document.execCommand("copy");
    }
  }
}
