// Profiles: mean with a band, or every network; by family, and by variant or another axis.
const MAX_POINTS = 40000; // of single networks in one panel; beyond, every second, third, ... is drawn
const xTitle = () => (options.x === "index" ? "layer" : "relative depth");
const readerOf = (quantity) => { const found = profilesOf(quantity); return (trial) => found.value[trial]; };

function meanTraces(trials, look, name, quantity, read = readerOf(quantity)) {
  const profile = meanProfile(trials, read, options.x === "index");
  if (!profile) return [];
  const { x, at } = profile, traces = [];
  if (options.band !== "none") {
    // Too few for an interval anywhere: what was seen.
    const band = options.band === "interval" && at.some((one) => isNumber(one.low)) ? "interval" : "range";
    const ends = band === "range" ? ["least", "most"] : ["low", "high"];
    const known = at.map((one, place) => [x[place], one[ends[0]], one[ends[1]]]).filter((one) => isNumber(one[1]));
    if (known.length > 1)
      traces.push({
        x: [...known.map((one) => one[0]), ...known.map((one) => one[0]).reverse()],
        y: [...known.map((one) => one[2]), ...known.map((one) => one[1]).reverse()],
        fill: "toself", fillcolor: faded(look.color, 0.18), line: { width: 0 }, mode: "lines", hoverinfo: "skip",
        meta: band,
      });
  }
  traces.push({
    x, y: at.map((one) => one.mean), mode: "lines",
    line: { color: look.color, dash: look.dash, width: 2.5 },
    text: at.map((one) => `<b>${plain(name)}</b>, ${plural(one.number, "network")}${one.units > 1 && one.units < one.number ? ` in ${plural(one.units, "configuration")}` : ""}<br>${options.x === "index" ? "layer" : "depth"} `
      + `%X%: mean ${shown(one.mean)}${isNumber(one.low) ? `<br>95% interval ${shown(one.low)} to ${shown(one.high)}` : ""}`
      + `<br>range ${shown(one.least)} to ${shown(one.most)}`).map((words, place) => words.replace("%X%", shown(x[place]))),
    hovertemplate: "%{text}<extra></extra>",
  });
  return traces;
}

// All networks of a group as one line with gaps.
function eachTrace(trials, look, quantity) {
  const byIndex = options.x === "index", found = profilesOf(quantity);
  const x = [], y = [], text = [], customdata = [];
  const layers = trials.reduce((sum, trial) => sum + (found.value[trial] || []).length, 0);
  const step = Math.max(1, Math.ceil(layers / MAX_POINTS));
  for (let number = 0; number < trials.length; number += step) {
    const trial = trials[number];
    for (const [at, value, place] of pointsOf(trial, found.value[trial], byIndex)) {
      x.push(at); y.push(value); customdata.push(trial);
      const low = found.low && found.low[trial] ? found.low[trial][place] : null;
      const high = found.high && found.high[trial] ? found.high[trial][place] : null;
      text.push(`<b>${plain(TRIALS.name[trial])}</b><br>${plain(layersOf(trial).name[place])}: ${interval(value, low, high)}`);
    }
    x.push(null); y.push(null); text.push(""); customdata.push(null);
  }
  const few = trials.length <= 12;
  return [{
    x, y, text, customdata, mode: few ? "lines+markers" : "lines", hovertemplate: "%{text}<extra></extra>",
    line: { color: faded(look.color, few ? 0.9 : 0.45), width: few ? 1.6 : 1, dash: few ? look.dash : "solid" },
    marker: { size: 5, symbol: look.symbol, color: look.color }, type: "scatter",
  }];
}

// One panel of the profiles of several groups.
function profileFigure(groups, key, quantity) {
  const traces = [];
  for (const [value, trials] of groups) {
    const look = lookOf(key, value);
    traces.push(...(options.each === "1" ? eachTrace(trials, look, quantity) : meanTraces(trials, look, said(value), quantity)));
  }
  return { data: traces, layout: baseLayout(xTitle(), quantity) };
}

const opensNetwork = (event) => {
  const trial = event.points[0].customdata;
  if (Number.isInteger(trial)) choose("network", TRIALS.key[trial]);
};
const hasProfile = (trial, quantity) => (profilesOf(quantity).value[trial] || []).filter((v) => v !== null).length > 1;

function panelsBy(containerId, panelKey, lineKey, trials) {
  const quantity = options.quantity;
  const shownTrials = trials.filter((trial) => hasProfile(trial, quantity));
  const specs = [...groupBy(panelKey, shownTrials)].map(([value, members]) => ({
    id: `${panelKey}=${said(value)}`,
    title: `${said(value)} (${plural(members.length, "network")})`,
    label: `Profiles of ${quantity}, ${said(value)}, by ${shortKey(lineKey)}: ${plural(members.length, "network")}`,
    draw: () => profileFigure(groupBy(lineKey, members), lineKey, quantity),
    onClick: opensNetwork,
  }));
  showPanels(document.getElementById(containerId), onOneScale(specs));
  document.getElementById(containerId + "-legend").replaceChildren(
    ...valuesAmong(lineKey, shownTrials).map((value) => legendEntry(said(value), lookOf(lineKey, value))));
  document.getElementById(containerId + "-none").hidden = specs.length > 0;
}

function renderProfiles() {
  panelsBy("profiles", "variant", "family", selected());
  const key = options.lines;
  // Trained and untrained in one mean would say nothing: another axis is shown of one variant.
  const first = valuesAmong("variant", selected())[0];
  const members = key === "variant" ? selected() : selected().filter((t) => settingOf("variant", t) === first);
  panelsBy("variants", "family", key, members);
  document.getElementById("lines-note").textContent = key === "variant" ? "" : `Of ${said(first)} alone.`;
}
