// Filters of the scorecard. Without this script the whole table is shown.
(() => {
  const form = document.querySelector(".strata-filters");
  const rows = [...document.querySelectorAll(".strata-rows > details")];
  const cells = new Map(
    [...document.querySelectorAll(".strata-cells > a")].map((a) => [a.dataset.id, a])
  );
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const { study, verdict, origin, text } = form.elements;
  const fields = [study, verdict, origin, text];

  function filter() {
    const sought = text.value.trim().toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of rows) {
      const fits =
        (!study.value || row.dataset.study === study.value) &&
        (!verdict.value || row.dataset.verdict === verdict.value) &&
        (!origin.value || row.dataset.origin === origin.value) &&
        sought.every((word) => words.get(row).includes(word));
      row.hidden = !fits;
      cells.get(row.id.replace("score-", "")).classList.toggle("strata-out", !fits);
      count += fits;
    }
    form.querySelector("output").value = `${count} of ${rows.length} claims`;
  }

  function choose(chosen) {
    for (const field of fields) field.value = chosen.get(field.name) ?? "";
    filter();
  }

  // The address holds what is chosen, so that a choice can be sent to others.
  function remember() {
    const chosen = [...new FormData(form)].filter(([, value]) => value);
    const hash = new URLSearchParams(chosen).toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  }

  // An address may also name one claim: its row is shown and unfolded.
  function follow() {
    const row = document.getElementById(location.hash.slice(1));
    if (rows.includes(row)) {
      if (row.hidden) choose(new URLSearchParams());
      row.open = true;
      row.querySelector("summary").focus({ preventScroll: true });
      row.scrollIntoView({ block: "center", behavior: "instant" });
      return;
    }
    const chosen = new URLSearchParams(location.hash.slice(1));
    if (location.hash === "" || fields.some((field) => chosen.has(field.name))) choose(chosen);
  }

  form.addEventListener("input", () => {
    filter();
    remember();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault(); // the browser would empty the fields only after this
    choose(new URLSearchParams());
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  form.hidden = false;
  follow();
})();
