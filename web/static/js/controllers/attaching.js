/**
 * The ways by which files come to the next message: a button, paste and drop. What becomes of them then is loaded with
 * the first one, or at once where some wait since before a reload. `changed` is called when one came, went, or is there.
 */
export function openAttaching(form, { data, words, csrf, session }, changed) {
  const text = form.elements.text;
  const button = document.getElementById("attach");
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, hidden: true });
  const main = document.getElementById("main");
  let loading = null;
  let attached = null;
  const kept = `files ${session.user.id} ${data.room.id}`;

  form.append(input);
  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
    text.focus();
  });
  text.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    // Some programs put a picture of a text beside the text.
    if (!files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(files);
  });
  main.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files") || form.hidden) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    main.classList.add("room--dropping");
  });
  main.addEventListener("dragleave", (event) => {
    if (!main.contains(event.relatedTarget)) main.classList.remove("room--dropping");
  });
  main.addEventListener("drop", (event) => {
    main.classList.remove("room--dropping");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length || form.hidden) return;
    event.preventDefault();
    add(files);
    text.focus();
  });

  if (isKept(kept)) open();

  return {
    get isEmpty() {
      return attached?.isEmpty ?? true;
    },
    /** `ready`, or why the message has to wait: `uploading` or `failed`. */
    get state() {
      return attached?.state ?? "ready";
    },
    /** Hands the files over to a message. */
    take: () => attached?.take() ?? [],
  };

  async function add(files) {
    (await open()).add(files);
  }

  async function open() {
    loading ??= import("./attachments.js");
    const { openAttachments } = await loading;
    if (!attached) {
      attached = openAttachments({ room: data.room.id, kept, limits: data.files, words, csrf, changed });
      changed();
    }
    return attached;
  }
}

function isKept(key) {
  try {
    return sessionStorage.getItem(key) !== null;
  } catch {
    return false;
  }
}
