/** The line that says who is typing. Its height is always there, so nothing moves when it speaks. */
export default function typing(element, { words, session }) {
  session.conversation.typing.on("change", (names) => {
    const [a, b] = names;
    if (!names.length) element.textContent = "";
    else if (names.length > 2) element.textContent = words.count("typingMany", names.length);
    else element.textContent = words.say(b ? "typing2" : "typing1", { a, b });
  });
}
