/** Longest sides at which a picture stands in the timeline, as in partials/_message.html. */
const WIDTH = 360;
const HEIGHT = 320;
const LEAST = 40;

/** What stands for a message without a text. */
export const namesOf = (files) => (files ?? []).map(({ name }) => name).join(", ");

export const addressOf = ({ id, name }) => `/files/${id}/${encodeURIComponent(name)}`;

export const thumbnailOf = ({ id }) => `/files/${id}/thumbnail`;

/** The size at which a picture is shown, in pixels: its place is kept before it is there. */
export function shownSize({ width, height }) {
  const scale = Math.min(1, WIDTH / width, HEIGHT / height);
  return { width: Math.max(LEAST, Math.round(width * scale)), height: Math.max(LEAST, Math.round(height * scale)) };
}
