// What a reader would see of a page at the present width and theme, as plain data.
() => {
  const article = document.querySelector("main article") ?? document.querySelector("main");
  const name = (element) =>
    element.tagName.toLowerCase() +
    [...element.classList].map((c) => "." + c).join("") +
    " «" + (element.textContent ?? "").trim().slice(0, 40) + "»";
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ visibilityProperty: true });
  };

  // Formulas
  const formulas = [...document.querySelectorAll(".math")];
  const unset = formulas.filter(
    (f) => !f.querySelector("mjx-container") || /\\[()[\]]/.test(f.textContent)
  );
  const wrong = [...document.querySelectorAll("mjx-merror, [data-mjx-error]")];

  // Images; a drawing in the page counts as one
  const broken = [...document.images].filter((i) => !i.complete || i.naturalWidth === 0);
  const mute = [...document.images].filter((i) => !i.alt.trim());
  const drawings = [...document.querySelectorAll("main svg[role=img]:not([aria-hidden])")];
  const untitled = drawings.filter((s) => !s.querySelector("title")?.textContent.trim());

  // Text that runs out of the window and cannot be scrolled to inside its own box
  const scrolls = (element) => {
    for (let e = element; e && e !== document.body; e = e.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(e).overflowX)) return true;
    }
    return false;
  };
  const wide = document.documentElement.scrollWidth - innerWidth;
  // The copy of a formula for screen readers is clipped to a dot: how wide it is, nobody sees.
  const cut = [...article.querySelectorAll(":not(mjx-assistive-mml, mjx-assistive-mml *)")].filter(
    (e) => e.getBoundingClientRect().right > innerWidth + 1 && shown(e) && !scrolls(e)
  );

  // Contrast of every piece of text with what lies behind it (WCAG 2, relative luminance)
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return colour.startsWith("color(srgb") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  const grounds = new Map([[null, [255, 255, 255]]]);
  const ground = (element) => {
    if (!grounds.has(element)) {
      const own = parse(getComputedStyle(element).backgroundColor);
      grounds.set(element, over(own, ground(element.parentElement)));
    }
    return grounds.get(element);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb
      .map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element) => {
    const style = getComputedStyle(element);
    const behind = ground(element);
    const ink = over(parse(element instanceof SVGElement ? style.fill : style.color), behind);
    const [low, high] = [luminance(ink), luminance(behind)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  const carriers = new Set();
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && shown(parent)) carriers.add(parent);
  }
  const texts = [...carriers].filter((e) => !e.closest("style, script, title, desc, mjx-container"));
  const size = (element) => parseFloat(getComputedStyle(element).fontSize);

  return {
    theme: document.documentElement.dataset.theme,
    ground: getComputedStyle(document.body).backgroundColor,
    words: article.innerText.split(/\s+/).filter(Boolean).length,
    formulas: formulas.length,
    badFormulas: [...unset, ...wrong].map(name),
    images: document.images.length,
    badImages: [...broken, ...mute].map((i) => i.outerHTML.slice(0, 200)),
    untitledDrawings: untitled.map(name),
    overflow: wide > 1 ? [`${wide} px wider than the window`] : [],
    cut: cut.map(name),
    faint: texts
      .map((e) => [contrast(e), e])
      .filter(([value]) => value < 4.5)
      .map(([value, e]) => value.toFixed(2) + " " + name(e)),
    small: texts.filter((e) => !(e instanceof SVGElement) && size(e) < 11).map(name),
    bodySize: Math.min(...[...article.querySelectorAll("p")].filter(shown).map(size), 99),
  };
}
