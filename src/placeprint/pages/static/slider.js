// Before and after: the range decides how much of the upper picture shows. Keys work, because it is a range.
for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input");
  const show = () => slider.style.setProperty("--at", `${range.value}%`);
  range.addEventListener("input", show);
  show();
}
