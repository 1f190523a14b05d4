/* What the server has drawn already, read back: where the page stands, and who is listed. */

const read = (node) => ({ ...place(node), ...content(node) });

const place = ({ dataset }) => ({
  ev: dataset.kind,
  epoch: Number(dataset.epoch),
  seq: Number(dataset.seq),
  at: Number(dataset.at),
  cid: dataset.cid,
});

function content(node) {
  const { user, fold } = node.dataset;
  const text = node.querySelector(".message__text")?.textContent;
  const name = node.querySelector(".message__name")?.textContent;
  return { user: { id: user, name }, text, ...(fold ? JSON.parse(fold) : {}) };
}

export const events = () => [...document.querySelectorAll("#messages [data-seq]")].map(read);

export const people = () =>
  [...document.querySelectorAll("#people > [data-user]")].map(({ dataset }) => ({
    id: dataset.user,
    name: dataset.name,
    role: dataset.role,
  }));
