// What the theme leaves out for readers with a keyboard, with a screen reader, or with paper.
(() => {
  const article = () => document.querySelector("main article");

  const nameThings = () => {
    // A fold in the side bar is only a drawn arrow: name it after the entry that it opens.
    for (const summary of document.querySelectorAll(".bd-sidebar summary")) {
      const entry = summary.closest("li")?.querySelector("a");
      if (entry) summary.setAttribute("aria-label", `Pages under ${entry.textContent.trim()}`);
    }
    // «Show the code» is the better name: what is said to do is what stands there.
    for (const summary of document.querySelectorAll("summary[aria-label='Toggle hidden content']")) {
      summary.removeAttribute("aria-label");
    }
    // A list has items; that of the sources is marked up as a list of something else.
    for (const entry of document.querySelectorAll("[role=list] > [role=doc-biblioentry]")) {
      entry.setAttribute("role", "listitem");
    }
    // Sphinx hangs the modules of a package beside its entry, not within it.
    for (const inner of document.querySelectorAll("main li + ul")) {
      inner.previousElementSibling.append(inner);
    }
    document.querySelector(".navbar-brand")?.parentElement.setAttribute("role", "banner");
  };

  // What scrolls in its own box must be reachable without a mouse.
  const reachScrolling = () => {
    const boxes = "table, div.math, .strata-claim";
    for (const box of article()?.querySelectorAll(boxes) ?? []) {
      const scrolls = box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "auto";
      if (scrolls) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    }
  };

  // Paper cannot be clicked: notes are printed open. Folded code stays away, and so do the parts of
  // the scorecard's rows, which stand in the chapters.
  let opened = [];
  addEventListener("beforeprint", () => {
    const folds = [...document.querySelectorAll("main details:not(.above-input, .strata-rows > *)")];
    opened = folds.filter((fold) => !fold.open);
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });

  addEventListener("DOMContentLoaded", () => {
    nameThings();
    reachScrolling();
    addEventListener("resize", reachScrolling);
    window.MathJax?.startup?.promise?.then(reachScrolling);
  });
})();
