// Everything together.
const SECTIONS = [renderProfiles, renderScatter, renderLinear, renderScales, renderDynamics, renderOthers, renderReady, renderTable];

function scalarGroups() {
  const own = new Set(DATA.network_scalars);
  return [
    ["networks", DATA.scalars.filter((name) => own.has(name)).map((name) => [name, name])],
    ["profiles", DATA.scalars.filter((name) => !own.has(name)).map((name) => [name, name])],
  ].filter(([, members]) => members.length);
}

function start() {
  buildFilters();
  fillSelect("quantity", "quantity", quantityGroups());
  fillSelect("x", "x", [["", [["depth", "relative depth"], ["index", "layer index"]]]]);
  fillSelect("band", "band", [["", [["interval", "95% interval"], ["range", "full range"], ["none", "none"]]]]);
  fillCheck("each", "each");
  const axes = DATA.axes.filter((key) => TRIALS.columns[key]).map((key) => [key, shortKey(key)]);
  fillSelect("lines", "lines", [["", [["variant", "variant"], ...axes]]]);
  fillSelect("color", "color", [["", [["family", "family"], ["variant", "variant"], ...axes]]]);
  fillSelect("fit", "fit", [["", [["all", "over all"], ["groups", "of each group"], ["none", "none"]]]]);
  fillSelect("predictor", "predictor", scalarGroups());
  fillSelect("response", "response", scalarGroups());
  fillCheck("ratio", "ratio");
  fillCheck("log", "log");
  fillSelect("scale", "scale", [["", [["rank", "rank of the neighbor"], ["distance", "distance"]]]]);
  document.getElementById("scales_variant").addEventListener("change", (event) => choose("scales_variant", event.target.value));
  watchTable();
  watchDownloads();
  document.getElementById("reset").addEventListener("click", reset);
  document.getElementById("others-open").addEventListener("toggle", renderOthers);
  onChange((what) => {
    if (what === "theme") readTheme();
    syncControls();
    if (what === "network") renderTable();
    else for (const render of SECTIONS) render();
    renderNetwork();
  });
  // The address holds what is chosen, so links within the page scroll by themselves.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    document.getElementById(link.hash.slice(1)).scrollIntoView();
  });
  // What is scrolled to stays clear of the bar.
  const bar = document.getElementById("bar");
  new ResizeObserver(() => { document.documentElement.style.scrollPaddingTop = getComputedStyle(bar).position === "sticky" ? `${bar.offsetHeight + 8}px` : "8px"; }).observe(bar);
  syncControls();
  for (const render of SECTIONS) render();
  renderNetwork();
  for (const link of document.querySelectorAll("nav a"))
    link.hidden = document.getElementById(link.hash.slice(1)).closest("section").hidden;
  document.documentElement.dataset.started = "true";
}

start();
