const SHOWN = 99;

/** Puts the number of unread messages before the name of the page, where a tab shows it. */
export default function title(element, { session }) {
  const name = document.title;
  session.unread.on("change", () => {
    const { total } = session.unread;
    document.title = total ? `(${total > SHOWN ? `${SHOWN}+` : total}) ${name}` : name;
  });
}
