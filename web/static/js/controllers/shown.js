/* What the server has drawn already, read back: where the page stands, and who is listed. */

export const read = ({ dataset }) => ({
  ev: dataset.kind,
  epoch: Number(dataset.epoch),
  seq: Number(dataset.seq),
  at: Number(dataset.at),
  cid: dataset.cid,
  user: { id: dataset.user },
});

export const events = () => [...document.querySelectorAll("#messages [data-seq]")].map(read);

export const people = () =>
  [...document.querySelectorAll("#people > [data-user]")].map(({ dataset }) => ({
    id: dataset.user,
    name: dataset.name,
    role: dataset.role,
  }));
