/* What is wrong with this page in this window: run in the page, answers a list of sentences. */
() => {
  const LEAST = 24;  // px: WCAG 2.5.8
  const found = new Map();
  const say = (what, element) => {
    if (!found.has(what)) found.set(what, []);
    found.get(what).push(element.outerHTML.replace(/\s+/g, " ").slice(0, 110));
  };
  const root = document.documentElement;
  const style = new Map();
  const styleOf = element => style.get(element) ?? style.set(element, getComputedStyle(element)).get(element);
  const clips = element => /auto|scroll|hidden|clip/.test(styleOf(element).overflowX);
  const scrolls = element => /auto|scroll/.test(styleOf(element).overflowX);
  const seen = element =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest(".hide, .skip") && styleOf(element).clipPath === "none";

  // 1. The page itself never scrolls sideways.
  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = [...document.querySelectorAll("body *")].filter(each =>
      each.getBoundingClientRect().right > root.clientWidth + 1 && !each.closest("pre, svg"));
    say(`scrolls sideways by ${root.scrollWidth - root.clientWidth} px`, wide.at(-1) ?? document.body);
  }

  // 2. Nothing lies outside of its card, unless something in between scrolls or shortens it.
  const CARDS = ".card, .note, .stats > div, .pop, .secret, .strip, dialog, .solo > main, .main";
  const boxes = new Map();
  const boxOf = element => boxes.get(element) ?? boxes.set(element, element.getBoundingClientRect()).get(element);
  const outside = (box, card) => box.left < card.left - 1 || box.right > card.right + 1;
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg") && element.tagName !== "svg") continue;
    if (!element.matches("svg, img, input, select, textarea, button, a, code, pre, b, span, p, td, th, li, dd, dt, h1, h2, h3, time, summary, label")) continue;
    const box = boxOf(element);
    if (!box.width || !box.height || !seen(element)) continue;
    let between = element.parentElement;
    while (between && !between.matches(CARDS) && !clips(between)) between = between.parentElement;
    if (!between || !between.matches(CARDS) || element.matches(CARDS)) continue;
    if (outside(box, boxOf(between))) say("outside of its card", element);
  }

  // 3. Nothing is cut off without a sign of it.
  for (const element of document.querySelectorAll("main *, .topbar *, .side *")) {
    if (element.scrollWidth <= element.clientWidth + 1 || !element.clientWidth || element.matches("input, select, textarea, svg, svg *")) continue;
    if (!clips(element) || scrolls(element) || !seen(element)) continue;
    const rules = styleOf(element);
    if (rules.textOverflow !== "ellipsis" && rules.webkitLineClamp === "none") say("cut off", element);
  }

  // 4. Every control is large enough, and nothing lies on it.
  const inText = link => link.tagName === "A" && styleOf(link).display === "inline" &&
    [...link.parentElement.childNodes].some(each => each.nodeType === Node.TEXT_NODE && /\w{2}/.test(each.data));
  const areas = control => [control, ...(control.labels ?? [])].map(each => each.getBoundingClientRect()).filter(each => each.width);
  const controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(each => boxOf(each).width && seen(each));
  for (const control of controls) {
    const all = areas(control);
    const high = Math.max(...all.map(each => each.bottom)) - Math.min(...all.map(each => each.top));
    const wide = Math.max(...all.map(each => each.right)) - Math.min(...all.map(each => each.left));
    if ((high < LEAST - .5 || wide < LEAST - .5) && !inText(control)) say(`under ${LEAST} px (${Math.round(wide)}×${Math.round(high)})`, control);
  }
  // Sticky bars cover what is scrolled under them: each control is looked at away from the edges of the window.
  const over = (top, control) => top && ![control, ...(control.labels ?? [])].some(each => each.contains(top) || top.contains(each));
  const sideways = (control, x) => {
    for (let holder = control.parentElement; holder; holder = holder.parentElement) {
      const box = holder.getBoundingClientRect();
      if (clips(holder) && (x < box.left || x > box.right)) return true;
    }
    return false;
  };
  for (const control of controls) {
    let line = [...control.getClientRects()].find(each => each.width);
    if (!line || control.closest(".side nav, .scroll")) continue;
    if (line.top < 90 || line.bottom > innerHeight - 120) {
      scrollTo(0, scrollY + line.top - innerHeight / 3);
      line = [...control.getClientRects()].find(each => each.width);
    }
    const x = line.left + Math.min(line.width / 2, 60), y = line.top + line.height / 2;
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight || sideways(control, x)) continue;
    const top = document.elementFromPoint(x, y);
    if (over(top, control)) say(`covered by ${top.tagName} .${top.className.baseVal ?? top.className}`, control);
  }
  scrollTo(0, 0);

  // 5. No text stands in a column so narrow that its letters are stacked.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const length = text.data.trim().length, parent = text.parentElement;
    if (length < 3 || parent.closest("svg, script, style, pre, option, [hidden], .hide, .skip")) continue;
    if (boxOf(parent).height < 44 || !seen(parent)) continue;
    range.selectNodeContents(text);
    const lines = new Set([...range.getClientRects()].filter(each => each.width > 1).map(each => Math.round(each.top)));
    if (lines.size > 2 && length / lines.size < 3) say(`${lines.size} lines for ${length} letters`, parent);
  }
  return [...found].map(([what, where]) => `${what}${where.length > 1 ? ` (${where.length} times)` : ""}: ${where[0]}`);
}
