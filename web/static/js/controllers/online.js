import { oncePerFrame } from "./once-per-frame.js";

/** How many people are here, under the name of the room. */
export default function online(element, { words, session }) {
  const { presence } = session.conversation;
  const show = oncePerFrame(() => {
    element.textContent = words.count("here", presence.online);
  });
  presence.on("change", show);
}
