// What no other section shows: any further quantity of layers, and any further number of networks.
const MAX_OTHERS = 24;
const atHome = new Set(DATA.quantities.filter((one) => one.analysis === mainAnalysis() || one.rank || one.name.includes("@")).map((one) => one.name));

function mainAnalysis() {
  const main = DATA.quantities.find((one) => one.name === DATA.main);
  return main ? main.analysis : null;
}

function renderOthers() {
  const layerNames = DATA.quantities.map((one) => one.name).filter((name) => !atHome.has(name) && !DATA.linear.includes(name));
  const section = document.getElementById("others-section");
  const specs = [];
  if (document.getElementById("others-open").open) {
    for (const name of layerNames.slice(0, MAX_OTHERS)) {
      const members = selected().filter((trial) => hasProfile(trial, name));
      const variants = valuesAmong("variant", members);
      const first = members.filter((trial) => settingOf("variant", trial) === variants[0]);
      if (first.length)
        specs.push({
          id: name, title: name, note: `${variants[0]}, ${plural(first.length, "network")}`, label: `${name} by layer and family`,
          draw: () => profileFigure(groupBy("family", first), "family", name), onClick: opensNetwork,
        });
    }
    for (const name of networkNumbers().slice(0, MAX_OTHERS)) {
      const values = scalarOf(name).value, members = selected().filter((trial) => isNumber(values[trial]));
      if (members.length)
        specs.push({ id: "number " + name, title: name, note: plural(members.length, "network"), label: `${name} by family and variant`, draw: () => numberFigure(name, members), onClick: opensNetwork });
    }
  }
  section.hidden = !layerNames.length && !networkNumbers().length;
  showPanels(document.getElementById("others"), specs);
  document.getElementById("others-legend").replaceChildren(
    ...["family", "variant"].flatMap((key) => valuesAmong(key, selected()).map((value) => legendEntry(said(value), lookOf(key, value), key === "variant"))));
  document.getElementById("others-more").textContent = layerNames.length > MAX_OTHERS
    ? `${layerNames.length - MAX_OTHERS} further quantities of layers: choose them above the profiles.` : "";
}

// Numbers of networks that sum up no quantity of layers.
function networkNumbers() {
  return DATA.network_scalars.filter((name) => DATA.scalars.includes(name));
}

// Every network as a point beside its family's name; columns are variants.
function numberFigure(name, members) {
  const found = scalarOf(name), data = [];
  for (const [variant, own] of groupBy("variant", members)) {
    const look = lookOf("variant", variant);
    data.push({
      type: "box", name: plain(variant), x: own.map((t) => plain(settingOf("family", t))), y: own.map((t) => found.value[t]),
      boxpoints: members.length > 600 ? false : "all", jitter: 0.5, pointpos: 0, customdata: own, text: own.map((t) => plain(TRIALS.name[t])),
      hovertemplate: "%{text}: %{y:.4g}<extra></extra>", hoveron: "points", fillcolor: faded(look.color, 0.12),
      line: { color: look.color, width: 1 }, marker: { color: look.color, symbol: look.symbol, size: 4 },
    });
  }
  const layout = baseLayout("", name);
  layout.boxmode = "group";
  return { data, layout };
}

// Figures that came ready drawn, such as those beside published values.
function renderReady() {
  for (const container of document.querySelectorAll("[data-ready]")) {
    const drawn = JSON.parse(document.getElementById(container.dataset.ready).textContent);
    showPanels(container, drawn.map((figure, number) => ({
      id: String(number), tall: container.classList.contains("tall-figures"), title: figure.layout.title ? figure.layout.title.text : "",
      label: container.getAttribute("aria-label"),
      draw: () => ({ data: figure.data, layout: { ...figure.layout, title: undefined, margin: { l: 52, r: 12, t: 10, b: 70 } } }),
    })));
  }
}
