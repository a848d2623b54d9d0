// Matches: the one under the pointer stands out in both photos, and in front of the others.
for (const drawing of document.querySelectorAll(".matches svg:not(.store)")) {
  drawing.addEventListener("pointerover", (event) => {
    const match = event.target.closest(".match");
    drawing.classList.toggle("chosen", Boolean(match));
    for (const other of drawing.querySelectorAll(".match.on")) other.classList.remove("on");
    if (match) match.classList.add("on");
  });
  drawing.addEventListener("pointerleave", () => {
    drawing.classList.remove("chosen");
    for (const other of drawing.querySelectorAll(".match.on")) other.classList.remove("on");
  });
}
