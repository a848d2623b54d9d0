"use strict";
(() => {
  const rows = [...document.querySelectorAll("article.row")];
  const box = (row, name) => row.querySelector(`input[name=${name}]`);
  const decision = (row) => (box(row, "accept").checked ? "accept" : box(row, "reject").checked ? "reject" : "");

  const show = () => {
    let accepted = 0;
    let rejected = 0;
    for (const row of rows) {
      const made = decision(row);
      row.classList.toggle("accept", made === "accept");
      row.classList.toggle("reject", made === "reject");
      accepted += made === "accept";
      rejected += made === "reject";
    }
    document.getElementById("count").textContent =
      `${accepted} accepted, ${rejected} rejected, ${rows.length - accepted - rejected} open`;
    document.getElementById("save").disabled = accepted === 0;
  };

  const decide = (row, name) => {
    box(row, "accept").checked = name === "accept";
    box(row, "reject").checked = name === "reject";
    show();
  };

  const field = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  const table = () =>
    [
      "path,latitude,longitude,radius_m,confidence",
      ...rows
        .filter((row) => decision(row) === "accept")
        .map(({ dataset }) =>
          [dataset.path, dataset.latitude, dataset.longitude, dataset.radius, dataset.confidence].map(field).join(","),
        ),
      "",
    ].join("\n");

  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
    link.download = "accepted.csv";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const move = (step) => {
    const at = rows.indexOf(document.activeElement.closest("article.row"));
    const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1);
    rows[next]?.focus();
    rows[next]?.scrollIntoView({ block: "start" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = document.activeElement.closest("article.row");
    const key = event.key.toLowerCase();
    const done = { j: () => move(1), k: () => move(-1) }[key];
    const made = { a: "accept", r: "reject", u: "" }[key];
    if (done) done();
    else if (made !== undefined && row) decide(row, made);
    else return;
    event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const row = event.target.closest("article.row");
    if (row) decide(row, event.target.checked ? event.target.name : "");
  });
  document.getElementById("save").addEventListener("click", save);
  show();
})();
