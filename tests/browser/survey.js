// What a careful eye would mark on the open page: a list of sentences, empty when all is well.
() => {
  const faults = [];
  const round = (value) => Math.round(value * 10) / 10;
  const name = (element) => {
    const text = (element.getAttribute("aria-label") ?? element.textContent ?? "").trim().slice(0, 30);
    return `<${element.localName} class="${element.getAttribute("class") ?? ""}"> "${text}"`;
  };
  const isSeen = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) &&
    !element.closest(".sr-only, .skip, template") &&
    element.getClientRects().length > 0;
  const seen = [...document.body.querySelectorAll("*")].filter(isSeen);

  const root = document.scrollingElement;
  if (root.scrollWidth > innerWidth) faults.push(`the page is ${root.scrollWidth} px wide, the screen ${innerWidth}`);

  // What a box inside the screen cuts off or scrolls is that box's business.
  const isBoxed = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== "visible" && box.getBoundingClientRect().right <= innerWidth + 1) return true;
    }
    return false;
  };
  for (const element of seen) {
    const { left, right } = element.getBoundingClientRect();
    if ((left < -1 || right > innerWidth + 1) && !isBoxed(element)) {
      faults.push(`${name(element)} reaches from ${round(left)} to ${round(right)} px`);
    }
  }

  for (const element of seen.filter((each) => each.matches("button, .button, summary, h1, h2, label, .choice__option"))) {
    const style = getComputedStyle(element);
    const cut = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
    if (cut && style.overflowX !== "visible" && style.textOverflow !== "ellipsis") faults.push(`${name(element)} is cut off`);
  }

  if (innerWidth < 700) {
    for (const element of seen.filter((each) => each.matches("button, .button, input, select, textarea, summary"))) {
      // A box to tick is as large as the words around it.
      const { width, height } = (element.closest("label") ?? element).getBoundingClientRect();
      if (Math.min(width, height) < 36) faults.push(`${name(element)} is a target of ${round(width)} x ${round(height)} px`);
    }
  }

  for (const element of document.querySelectorAll("input:not([type=hidden]), textarea, select, button, a[href], summary")) {
    if (!isSeen(element)) continue;
    const label = element.labels?.[0]?.textContent ?? element.getAttribute("aria-label") ?? element.textContent;
    const labelled = element.hasAttribute("aria-labelledby") || element.title;
    if (!label.trim() && !labelled) faults.push(`${name(element)} has no name`);
  }

  const h1 = [...document.querySelectorAll("h1")].length;
  if (h1 !== 1) faults.push(`the page has ${h1} first headings`);

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const ground = (element) => {
    if (!element) return rgba(getComputedStyle(document.documentElement).colorScheme.includes("dark") ? "black" : "white");
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 1 ? color : over(color, ground(element.parentElement));
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  for (const element of seen) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text && !element.placeholder) continue;
    const back = ground(element);
    const pseudo = element.placeholder && !element.value ? "::placeholder" : null;
    const ratio = contrast(over(rgba(getComputedStyle(element, pseudo).color), back), back);
    if (ratio < 4.5) faults.push(`${name(element)} has a contrast of ${round(ratio)}`);
  }
  return [...new Set(faults)];
}
