// One network beside the page: its profile by every estimator, its settings, its numbers.
const side = document.getElementById("network");
let opener = null; // what had the focus when it was opened
let shownNetwork = "";

const openTrial = () => TRIALS.key.indexOf(options.network);

function renderNetwork() {
  const trial = openTrial();
  const was = !side.hidden, isNew = shownNetwork !== options.network;
  shownNetwork = options.network;
  side.hidden = trial < 0;
  document.body.classList.toggle("beside", trial >= 0);
  if (trial < 0) {
    showPanels(document.getElementById("network-figures"), []);
    if (was && opener && opener.isConnected) opener.focus();
    return;
  }
  if (!was) opener = document.activeElement;
  const text = (id, words) => { document.getElementById(id).textContent = words; };
  text("network-name", TRIALS.name[trial]);
  const accuracy = scalarOf(DATA.response);
  text("network-told", `${settingOf("family", trial)}, ${settingOf("variant", trial)}; `
    + (isNumber(accuracy.value[trial]) ? `${DATA.response} ${interval(accuracy.value[trial], accuracy.low && accuracy.low[trial], accuracy.high && accuracy.high[trial])}` : `no ${DATA.response}`));
  text("network-run", `MLflow: experiment ${DATA.sweep}, run ${TRIALS.name[trial]}, tag idsweep.trial = ${TRIALS.key[trial]}`);
  const groups = analysesOf(trial);
  showPanels(document.getElementById("network-figures"), [...groups].map(([analysis, names]) => ({
    id: analysis, title: analysis, label: `Profiles of ${TRIALS.name[trial]}: ${names.join(", ")}`,
    legend: names.map((name, place) => legendEntry(name, lookByPlace(place))), draw: () => networkFigure(trial, names),
  })));
  fillPairs("network-settings", [...DATA.axes, ...Object.keys(TRIALS.columns), ...Object.keys(TRIALS.constants)]
    .filter((key, place, all) => all.indexOf(key) === place && key.includes(".")).map((key) => [key, said(settingOf(key, trial))]));
  fillPairs("network-numbers", DATA.scalars.map((name) => [name, scalarOf(name)])
    .filter(([, one]) => isNumber(one.value[trial]))
    .map(([name, one]) => [name, interval(one.value[trial], one.low && one.low[trial], one.high && one.high[trial])]));
  if (isNew) {
    side.scrollTop = 0;
    document.getElementById("network-close").focus({ preventScroll: true });
  }
}

// What is measured of a network's layers, by analysis; single classes and scales would be too many.
function analysesOf(trial) {
  const groups = new Map();
  const chosenOne = DATA.quantities.find((one) => one.name === options.quantity);
  for (const one of DATA.quantities) {
    if (one !== chosenOne && (one.control || one.name.includes("@") || one.rank)) continue;
    if (!(profilesOf(one.name).value[trial] || []).some(isNumber)) continue;
    if (!groups.has(one.analysis)) groups.set(one.analysis, []);
    groups.get(one.analysis).push(one.name);
  }
  return groups;
}

function networkFigure(trial, names) {
  const byIndex = options.x === "index", layers = layersOf(trial);
  const data = names.map((name, number) => {
    const found = profilesOf(name), look = lookByPlace(number), points = pointsOf(trial, found.value[trial], byIndex);
    const end = (which, place) => (found[which] && found[which][trial] ? found[which][trial][place] : null);
    const trace = {
      x: points.map((p) => p[0]), y: points.map((p) => p[1]), mode: "lines+markers", type: "scatter",
      line: { color: look.color, dash: look.dash, width: 1.8 }, marker: { symbol: look.symbol, color: look.color, size: 6 },
      text: points.map(([, value, place]) => `<b>${plain(name)}</b><br>${plain(layers.name[place])}`
        + `${layers.units[place] ? ` (${plural(layers.units[place], "unit")})` : ""}: ${interval(value, end("low", place), end("high", place))}`),
      hovertemplate: "%{text}<extra></extra>",
    };
    if (points.some(([, , place]) => isNumber(end("low", place)) || isNumber(end("high", place))))
      trace.error_y = {
        type: "data", symmetric: false, thickness: 1, width: 2, color: faded(look.color, 0.6),
        array: points.map(([, v, place]) => (isNumber(end("high", place)) ? end("high", place) - v : 0)),
        arrayminus: points.map(([, v, place]) => (isNumber(end("low", place)) ? v - end("low", place) : 0)),
      };
    return trace;
  });
  const layout = baseLayout(xTitle(), "");
  layout.yaxis.rangemode = "tozero";
  layout.margin = { l: 40, r: 8, t: 6, b: 40 };
  return { data, layout };
}

function fillPairs(id, rows) {
  document.getElementById(id).replaceChildren(...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

document.getElementById("network-close").addEventListener("click", () => choose("network", ""));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && options.network) choose("network", ""); });
