import { oncePerFrame } from "./once-per-frame.js";

const SHOWN = 99;

/** Puts the number of unread messages before the name of the page, where a tab shows it. */
export default function title(element, { session }) {
  const name = document.title;
  const show = oncePerFrame(() => {
    const { total } = session.unread;
    document.title = total ? `(${total > SHOWN ? `${SHOWN}+` : total}) ${name}` : name;
  });
  session.unread.on("change", show);
}
