// Mark one text of each colour, ground and size, for a slow check of contrast to look at.
() => {
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (const old of document.querySelectorAll("[data-look]")) delete old.dataset.look;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) {
      continue;
    }
    const { color, fontSize, fontWeight, opacity } = getComputedStyle(element);
    const grounds = [];
    for (let e = element; e; e = e.parentElement) grounds.push(getComputedStyle(e).backgroundColor);
    const painted = grounds.filter((ground) => ground !== "rgba(0, 0, 0, 0)");
    const kind = [color, fontSize, fontWeight, opacity, ...painted].join();
    if (!seen.has(kind)) element.dataset.look = "";
    seen.add(kind);
  }
}
