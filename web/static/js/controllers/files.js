import { addressOf, shownSize, thumbnailOf } from "../models/files.js";

/** The files of a message, as partials/_message.html draws them. */
export function newFiles(files, words) {
  const list = document.createElement("ul");
  list.className = "files";
  list.append(...files.map((file) => newFile(file, words)));
  return list;
}

function newFile(file, words) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  Object.assign(link, { href: addressOf(file), target: "_blank", rel: "noopener" });
  if (file.width) {
    item.className = "file file--image";
    const image = document.createElement("img");
    // First how, then what: the address begins the loading.
    Object.assign(image, { loading: "lazy", decoding: "async", alt: file.name, ...shownSize(file) });
    image.src = thumbnailOf(file);
    link.append(image);
  } else {
    item.className = "file";
    link.className = "file__link";
    link.append(newIcon("file"), newSpan("file__name", file.name), newSpan("file__size", words.size(file.bytes)));
  }
  item.append(link);
  return item;
}

export function newIcon(name) {
  const icon = document.createElement("span");
  icon.className = `icon icon--${name}`;
  icon.setAttribute("aria-hidden", "true");
  return icon;
}

export function newSpan(className, said) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = said;
  if (className.endsWith("name")) span.dir = "auto";
  return span;
}
