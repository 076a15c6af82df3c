"""Style and script of the feature map, as text: so a change of them makes a page stale too."""

STYLE = """
.strata-map { display: flex; flex-wrap: wrap; gap: 14px 22px; box-sizing: border-box;
  max-width: 100%; margin: 0 0 12px; padding: 12px; border: 1px solid #cfd4d9; border-radius: 6px;
  background: #fff; color: #1f2328; color-scheme: light; font-size: 14px; line-height: 1.4;
  text-align: left; overflow-wrap: anywhere; }
.strata-map * { box-sizing: border-box; }
.strata-map .plot { flex: 1 1 280px; min-width: 0; max-width: 430px; }
.strata-map .panel { flex: 1 1 250px; min-width: 0; max-width: 306px; }
.strata-map .head { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline;
  margin: 0 0 6px; font-weight: 600; }
.strata-map label { font-weight: 400; }
.strata-map select { padding: 2px 6px; border: 1px solid #6b7280; border-radius: 4px;
  background: #fff; color: #1f2328; font: inherit; }
.strata-map svg { display: block; width: 100%; height: auto; border: 1px solid #d8dce0;
  border-radius: 4px; background: #fff; cursor: crosshair; touch-action: manipulation; }
.strata-map .dot { stroke: #33383d; stroke-width: 0.7; outline: none; }
.strata-map .ring { fill: none; stroke: #c2185b; stroke-width: 3; pointer-events: none; }
.strata-map .dot:focus-visible ~ .ring { stroke-width: 5; }
.strata-map .bar { margin: 8px 22px 0; print-color-adjust: exact; }
.strata-map .strip { height: 12px; border: 1px solid #33383d; print-color-adjust: exact; }
.strata-map .ticks { position: relative; height: 24px; font-size: 12px; }
.strata-map .ticks span { position: absolute; top: 5px; transform: translateX(-50%);
  white-space: nowrap; }
.strata-map .ticks span::before { position: absolute; top: -5px; left: 50%; height: 5px;
  border-left: 1px solid #33383d; content: ""; }
.strata-map .scale { text-align: center; }
.strata-map .note { margin: 4px 0 0; color: #4b5259; font-size: 13px; }
.strata-map .panel .name { margin: 0 0 6px; font-size: 16px; font-weight: 600; }
.strata-map .pictures { width: 100%; margin: 0 0 2px; background-repeat: no-repeat;
  image-rendering: pixelated; print-color-adjust: exact; }
.strata-map .rows { display: grid; grid-template-columns: auto auto minmax(50px, 1fr);
  gap: 2px 10px; align-items: center; margin: 8px 0 0; }
.strata-map .rows > span { min-width: 0; }
.strata-map .rows .number { text-align: right; font-variant-numeric: tabular-nums; }
.strata-map .track { position: relative; height: 8px; border-radius: 4px; background: #e4e7ea; }
.strata-map .track i { position: absolute; top: -2px; width: 4px; height: 12px; margin-left: -2px;
  border-radius: 2px; background: #33383d; }
.strata-map .share i { display: block; height: 8px; border-radius: 4px; background: #0173b2; }
.strata-map [hidden] { display: none; }
"""

SCRIPT = """
(() => {
  const start = (root) => {
    const part = (name) => root.querySelector("." + name);
    const data = JSON.parse(part("data").textContent);
    const dots = [...root.querySelectorAll(".dot")];
    const places = dots.map((dot) => [+dot.getAttribute("cx"), +dot.getAttribute("cy")]);
    const drawing = root.querySelector("svg");
    const choice = root.querySelector("select");
    const ring = part("ring");
    let order = [];
    let chosen = 0;

    // A row of a table in the card: a name, a number and a bar.
    const row = (table, kind) => {
      const cells = ["label", "number", kind].map((name) => {
        const cell = table.appendChild(document.createElement("span"));
        cell.className = name;
        return cell;
      });
      cells[2].setAttribute("aria-hidden", "true");
      return [...cells.slice(0, 2), cells[2].appendChild(document.createElement("i"))];
    };
    const facts = data.values.map(() => row(part("facts"), "track"));
    const parts = Array.from({ length: data.parts }, () => row(part("classes"), "share"));

    const show = (index) => {
      dots[chosen].tabIndex = -1;
      dots[chosen].setAttribute("aria-selected", "false");
      chosen = index;
      dots[index].tabIndex = 0;
      dots[index].setAttribute("aria-selected", "true");
      ring.setAttribute("cx", places[index][0]);
      ring.setAttribute("cy", places[index][1]);
      part("name").textContent = "Feature " + data.numbers[index];
      data.values.forEach((value, i) => {
        const fraction = value.fractions[index];
        facts[i][0].textContent = value.name;
        facts[i][1].textContent = value.texts[index];
        facts[i][2].hidden = fraction === null;
        facts[i][2].style.left = 100 * fraction + "%";
      });
      parts.forEach(([label, number, bar], i) => {
        const [name, share] = data.classes[index][i] ?? ["\\u00a0", null];
        label.textContent = name;
        number.textContent = share === null ? "" : Math.round(100 * share) + " %";
        bar.style.width = 100 * (share ?? 0) + "%";
      });
      const pictures = part("pictures");
      if (pictures) {
        const place = (i, count) => (count > 1 ? (100 * i) / (count - 1) : 0) + "%";
        const [across, down] = data.sheet;
        pictures.style.backgroundPosition =
          place(index % across, across) + " " + place(Math.floor(index / across), down);
      }
    };

    const colour = (value) => {
      const rank = (i) => value.fractions[i] ?? 2;
      order = dots.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
      dots.forEach((dot, i) => {
        const fraction = value.fractions[i];
        const step = Math.round(fraction * (data.ramp.length - 1));
        dot.setAttribute("fill", fraction === null ? data.missing : data.ramp[step]);
      });
      const ticks = value.ticks.map(([fraction, text]) => {
        const tick = document.createElement("span");
        tick.style.left = 100 * fraction + "%";
        tick.textContent = text;
        return tick;
      });
      part("ticks").replaceChildren(...ticks);
      part("scale").textContent = value.scale;
    };

    const nearest = (event) => {
      const matrix = drawing.getScreenCTM().inverse();
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
      const far = places.map(([cx, cy]) => Math.hypot(cx - x, cy - y));
      return far.indexOf(Math.min(...far));
    };
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1,
                    Home: -Infinity, End: Infinity };

    dots.forEach((dot, i) => {
      const title = dot.querySelector("title"); // the card says it: no second box at the pointer
      dot.setAttribute("aria-label", title.textContent);
      dot.setAttribute("aria-selected", "false");
      title.remove();
      dot.tabIndex = -1;
      dot.addEventListener("focus", () => show(i));
    });
    drawing.addEventListener("pointermove", (event) => show(nearest(event)));
    drawing.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      dots[nearest(event)].focus({ preventScroll: true });
    });
    drawing.addEventListener("keydown", (event) => {
      const withOther = event.altKey || event.ctrlKey || event.metaKey; // a key of the browser
      if (withOther || !(event.key in steps)) return;
      event.preventDefault();
      const place = order.indexOf(chosen) + steps[event.key];
      dots[order[Math.max(0, Math.min(order.length - 1, place))]].focus({ preventScroll: true });
    });
    choice.addEventListener("change", () => colour(data.values[choice.selectedIndex]));
    choice.selectedIndex = 0; // a browser may remember another choice over a reload
    colour(data.values[0]);
    show(order[0]);
    root.querySelectorAll("[hidden].live").forEach((element) => { element.hidden = false; });
  };
  for (const root of document.querySelectorAll(".strata-map:not([data-ready])")) {
    root.dataset.ready = "";
    start(root);
  }
})();
"""
