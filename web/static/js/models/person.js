/* How a person is drawn: the same rules as `hue` and `initials` in templates/partials/_ui.html. */

const HUES = 12;
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

export function hue(id) {
  let sum = 0;
  [...id].forEach((char, index) => (sum += (index + 1) * (1 + LETTERS.indexOf(char))));
  return sum % HUES;
}

export function initials(name) {
  const words = name.split(/\s+/u).filter(Boolean);
  if (!words.length) return "?";
  const letters = [...words[0]][0] + (words.length > 1 ? [...words.at(-1)][0] : "");
  return letters.toUpperCase();
}
