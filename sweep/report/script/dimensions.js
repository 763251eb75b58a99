// Nonlinear beside linear dimension, scale curves, networks by epoch, and all that is left.
const LOG_TICKS = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));

function renderLinear() {
  const section = document.getElementById("linear-section");
  const names = DATA.main ? [DATA.main, ...DATA.linear.filter((name) => PARTS.has("profile:" + name))] : [];
  section.hidden = names.length < 2;
  if (section.hidden) return;
  const perUnit = options.ratio === "1";
  const reader = (name) => {
    const found = profilesOf(name);
    return (trial) => {
      const values = found.value[trial];
      if (!values) return null;
      const units = layersOf(trial).units;
      const kept = perUnit ? values.map((v, place) => (v === null || !units[place] ? null : v / units[place])) : values;
      return options.log === "1" ? kept.map((v) => (v > 0 ? v : null)) : kept;
    };
  };
  const trained = selected().filter((t) => settingOf("variant", t) === valuesAmong("variant", selected())[0]);
  const specs = [...groupBy("family", trained.filter((t) => hasProfile(t, DATA.main)))].map(([family, members]) => ({
    id: family, title: `${family} (${plural(members.length, "network")})`,
    label: `${names.join(", ")} by layer, ${family}`,
    draw: () => {
      const data = names.flatMap((name, place) => meanTraces(members, lookByPlace(place), `${family}: ${name}`, name, reader(name)));
      const layout = baseLayout(xTitle(), perUnit ? "dimension / units" : "dimension");
      if (options.log === "1") Object.assign(layout.yaxis, { type: "log", tickvals: LOG_TICKS, ticktext: LOG_TICKS.map(String) });
      return { data, layout };
    },
  }));
  showPanels(document.getElementById("linear"), onOneScale(specs));
  document.getElementById("linear-legend").replaceChildren(...names.map((name, place) => legendEntry(name, lookByPlace(place))));
  document.getElementById("linear-note").textContent = trained.length ? `Of ${said(settingOf("variant", trained[0]))} alone; filter for others.` : "";
}

// Scale curves: the same layer's dimension from near neighbors to farther ones.
const scaleQuantities = DATA.quantities.filter((one) => one.rank).sort((a, b) => a.rank - b.rank);
const MAX_CURVES = 60; // of single networks in one panel

function renderScales() {
  const section = document.getElementById("scales-section");
  section.hidden = scaleQuantities.length < 2;
  if (section.hidden) return;
  const names = scaleQuantities.map((one) => one.name);
  const measured = selected().filter((t) => names.some((name) => (profilesOf(name).value[t] || []).some(isNumber)));
  const variants = valuesAmong("variant", measured);
  const shownVariant = variants.includes(options.scales_variant) ? options.scales_variant : variants[0];
  const select = document.getElementById("scales_variant");
  select.replaceChildren(...variants.map((value) => make("option", { value: said(value) }, said(value))));
  select.value = said(shownVariant);
  const members = measured.filter((t) => settingOf("variant", t) === shownVariant);
  const specs = [...groupBy("family", members)].map(([family, own]) => ({
    id: family, title: `${family}, ${said(shownVariant)} (${plural(own.length, "network")})`,
    label: `Dimension against scale, ${family}, ${said(shownVariant)}`, draw: () => scalesFigure(own),
  }));
  showPanels(document.getElementById("scales"), onOneScale(specs));
  const places = ["input", "half depth", "last hidden layer"];
  document.getElementById("scales-legend").replaceChildren(...places.map((words, place) => legendEntry(words, lookByPlace(place))));
}

// Input, the layer nearest to half depth, and the last hidden layer of a network.
function chosenLayers(trial) {
  const layers = layersOf(trial);
  let middle = 0;
  layers.depth.forEach((depth, place) => { if (Math.abs(depth - 0.5) <= Math.abs(layers.depth[middle] - 0.5)) middle = place; });
  return [layers.index[0] === 0 ? 0 : null, middle, layers.last];
}

function scalesFigure(members) {
  const byScale = options.scale === "distance", data = [];
  for (let which = 0; which < 3; which++) {
    const look = lookByPlace(which), mean = { x: [], y: [], text: [] }, each = { x: [], y: [], text: [], customdata: [] };
    for (const one of scaleQuantities) {
      const found = profilesOf(one.name), values = [], scales = [];
      for (const trial of members) {
        const place = chosenLayers(trial)[which], value = place === null ? null : (found.value[trial] || [])[place];
        if (!isNumber(value)) continue;
        values.push([trial, value]);
        const scale = found.scale && found.scale[trial] ? found.scale[trial][place] : null;
        if (isNumber(scale)) scales.push([trial, scale]);
      }
      if (!values.length || (byScale && !scales.length)) continue;
      const told = summarizeNetworks(values);
      mean.x.push(byScale ? summarizeNetworks(scales).mean : one.rank);
      mean.y.push(told.mean);
      mean.text.push(`${["input", "half depth", "last hidden layer"][which]}, rank ${one.rank}: mean ${shown(told.mean)}`
        + `<br>range ${shown(told.least)} to ${shown(told.most)}, ${plural(told.number, "network")}`
        + (scales.length ? `<br>mean distance ${shown(summarizeNetworks(scales).mean)}` : ""));
    }
    if (options.each === "1")
      for (const trial of members.slice(0, MAX_CURVES)) {
        const place = chosenLayers(trial)[which];
        for (const one of place === null ? [] : scaleQuantities) {
          const found = profilesOf(one.name), value = (found.value[trial] || [])[place];
          const scale = found.scale && found.scale[trial] ? found.scale[trial][place] : null;
          each.x.push(byScale ? scale : one.rank); each.y.push(isNumber(value) ? value : null); each.customdata.push(trial);
          each.text.push(`<b>${plain(TRIALS.name[trial])}</b><br>${plain(layersOf(trial).name[place])}, rank ${one.rank}: ${shown(value)}`);
        }
        each.x.push(null); each.y.push(null); each.customdata.push(null); each.text.push("");
      }
    const drawn = options.each === "1" ? { ...each, mode: "lines", line: { color: faded(look.color, 0.5), width: 1 } }
      : { ...mean, mode: "lines+markers", line: { color: look.color, dash: look.dash, width: 2 }, marker: { symbol: look.symbol, size: 6, color: look.color } };
    data.push({ ...drawn, type: "scatter", hovertemplate: "%{text}<extra></extra>" });
  }
  const layout = baseLayout(byScale ? "mean distance to the farther neighbor" : "rank of the farther neighbor", "dimension");
  layout.xaxis.type = "log";
  if (!byScale) Object.assign(layout.xaxis, { tickvals: scaleQuantities.map((one) => one.rank), ticktext: scaleQuantities.map((one) => String(one.rank)) });
  return { data, layout };
}
