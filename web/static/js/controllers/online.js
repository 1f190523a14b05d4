/** How many people are here, under the name of the room. */
export default function online(element, { words, session }) {
  const { presence } = session.conversation;
  presence.on("change", () => {
    element.textContent = words.count("here", presence.online);
  });
}
