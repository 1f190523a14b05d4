/** Keeps the composer above the soft keyboard where the browser lays the keyboard over the page (Safari on iOS). */
export default function viewport() {
  const view = globalThis.visualViewport;
  if (!view) return;
  const fit = () => {
    if (view.scale > 1.01) return;
    document.documentElement.style.setProperty("--viewport-height", `${view.height}px`);
    scrollTo(0, 0);
  };
  view.addEventListener("resize", fit);
}
