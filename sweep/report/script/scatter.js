// One number of each trained network against another, with a straight line and its band.
const MANY = 4000; // points beyond which the browser's graphics processor draws them

function pairs(trials, predictor, response) {
  const x = scalarOf(predictor).value, y = scalarOf(response).value;
  return trials.filter((trial) => isTrained(trial) && isNumber(x[trial]) && isNumber(y[trial]));
}

function describeTrial(trial, names) {
  const axes = ["variant", ...DATA.axes].filter((key) => TRIALS.columns[key])
    .map((key) => `${shortKey(key)} ${said(settingOf(key, trial))}`);
  const lines = [`<b>${plain(TRIALS.name[trial])}</b>`];
  for (let start = 0; start < axes.length; start += 4) lines.push(plain(axes.slice(start, start + 4).join(", ")));
  for (const name of names) {
    const found = scalarOf(name);
    lines.push(`${plain(name)}: ${interval(found.value[trial], found.low && found.low[trial], found.high && found.high[trial])}`);
  }
  return lines.join("<br>");
}

function fitTraces(trials, x, y, look) {
  const fit = fitLine(trials.map((t) => x[t]), trials.map((t) => y[t]));
  if (!fit) return [];
  const { least, most } = summarize(trials.map((t) => x[t]));
  const at = [...Array(25).keys()].map((step) => least + ((most - least) * step) / 24);
  const edge = (sign) => at.map((one) => fit.value(one) + sign * fit.reach(one));
  return [
    { x: [...at, ...[...at].reverse()], y: [...edge(1), ...edge(-1).reverse()], fill: "toself", mode: "lines",
      fillcolor: faded(look.color, 0.16), line: { width: 0 }, hoverinfo: "skip" },
    { x: [at[0], at[24]], y: [fit.value(at[0]), fit.value(at[24])], mode: "lines", hoverinfo: "skip",
      line: { color: look.color, dash: look.dash, width: 2 } },
  ];
}

function scatterFigure(trials, predictor, response) {
  const x = scalarOf(predictor).value, y = scalarOf(response).value, traces = [];
  const open = (trial) => settingOf("variant", trial) !== "true labels";
  for (const [value, members] of groupBy(options.color, trials)) {
    const look = lookOf(options.color, value);
    if (options.fit === "groups") traces.push(...fitTraces(members, x, y, look));
    traces.push({
      type: trials.length > MANY ? "scattergl" : "scatter", mode: "markers",
      x: members.map((t) => x[t]), y: members.map((t) => y[t]), customdata: members,
      text: members.map((t) => describeTrial(t, [predictor, response])), hovertemplate: "%{text}<extra></extra>",
      marker: {
        color: look.color, size: trials.length > 400 ? 6 : 9, opacity: 0.85,
        symbol: members.map((t) => look.symbol + (open(t) ? "-open" : "")),
        line: { width: 1.5, color: look.color },
      },
    });
  }
  if (options.fit === "all") traces.unshift(...fitTraces(trials, x, y, { color: "#777777", dash: "solid" }));
  const layout = baseLayout(predictor, response), { least, most } = summarize(trials.map((t) => y[t]));
  const room = (most - least) * 0.08 || 0.01; // the band may go far beyond the points
  layout.yaxis.range = [least - room, most + room];
  return { data: traces, layout };
}

const brief = (value) => String(Number(value.toPrecision(3)));

function fitWords(trials, predictor, response) {
  const x = scalarOf(predictor).value, y = scalarOf(response).value;
  const told = (name, members) => {
    const fit = fitLine(members.map((t) => x[t]), members.map((t) => y[t]));
    return fit ? `${name}: r = ${fit.r.toFixed(2)}, slope ${brief(fit.slope)} ± ${brief(fit.reachOfSlope)}, ${plural(fit.number, "network")}` : "";
  };
  if (options.fit === "none") return "";
  const groups = options.fit === "groups" ? [...groupBy(options.color, trials)] : [["all shown", trials]];
  const words = groups.map(([value, members]) => told(said(value), members)).filter(Boolean).slice(0, 12);
  return words.length ? `Straight line (least squares) with the 95% band of the line; ${words.join("; ")}.` : "";
}

// Along an axis a line joins the means over seeds of networks that differ in nothing else.
function linesAlong(trials, axis) {
  const fixed = DATA.varied.filter((key) => key !== axis && key !== DATA.seed && TRIALS.columns[key]);
  const lines = new Map();
  for (const trial of trials) {
    const key = fixed.map((name) => TRIALS.columns[name].codes[trial]).join();
    if (!lines.has(key)) lines.set(key, []);
    lines.get(key).push(trial);
  }
  return { fixed, lines: [...lines.values()].map((own) => groupBy(axis, own)).filter((steps) => steps.size > 1) };
}

function axisFigure({ fixed, lines }, predictor, response, axis) {
  const x = scalarOf(predictor).value, y = scalarOf(response).value;
  const values = TRIALS.columns[axis].values, byFamily = new Map();
  for (const steps of lines) {
    const first = steps.values().next().value[0];
    const family = settingOf("family", first);
    if (!byFamily.has(family)) byFamily.set(family, { x: [], y: [], text: [], size: [] });
    const into = byFamily.get(family);
    for (const [value, own] of steps) {
      into.x.push(summarize(own.map((t) => x[t])).mean);
      into.y.push(summarize(own.map((t) => y[t])).mean);
      into.size.push(5 + (9 * values.indexOf(value)) / Math.max(1, values.length - 1));
      const others = fixed.map((key) => `${shortKey(key)} ${plain(settingOf(key, own[0]))}`).join("<br>");
      into.text.push(`<b>${plain(shortKey(axis))} ${plain(value)}</b> (${plural(own.length, "network")})<br>${others}`);
    }
    for (const list of Object.values(into)) list.push(null);
  }
  const data = [...byFamily].map(([family, { size, ...trace }]) => {
    const look = lookOf("family", family);
    return { ...trace, type: "scatter", mode: "lines+markers", hovertemplate: "%{text}<br>(%{x:.4g}, %{y:.4g})<extra></extra>",
      line: { color: look.color, width: 1 }, marker: { size: size.map((s) => s || 0), symbol: look.symbol, color: look.color } };
  });
  return { data, layout: baseLayout(predictor, response) };
}

function renderScatter() {
  const predictor = predictorName(), response = options.response;
  const trials = pairs(selected(), predictor, response);
  showPanels(document.getElementById("scatter"), trials.length ? [{
    id: "all", tall: true, title: plural(trials.length, "trained network"), note: fitWords(trials, predictor, response),
    label: `${response} against ${predictor} of ${plural(trials.length, "trained network")}; the table of networks has the numbers`,
    draw: () => scatterFigure(trials, predictor, response), onClick: opensNetwork,
  }] : []);
  document.getElementById("scatter-none").hidden = trials.length > 0;
  document.getElementById("scatter-legend").replaceChildren(
    ...valuesAmong(options.color, trials).map((value) => legendEntry(said(value), lookOf(options.color, value), true)));
  // Models have no order in which a line could join them.
  const along = DATA.varied.filter((axis) => axis !== DATA.seed && axis !== "model.name" && TRIALS.columns[axis])
    .map((axis) => [axis, linesAlong(trials, axis)]).filter(([, found]) => found.lines.length);
  showPanels(document.getElementById("axes"), along.map(([axis, found]) => ({
    id: axis, title: `along ${axis}`,
    note: `markers grow with ${shortKey(axis)}: ${valuesAmong(axis, trials).map(said).slice(0, 8).join(", ")}`,
    label: `${response} against ${predictor}, along ${axis}`, draw: () => axisFigure(found, predictor, response, axis),
  })));
  document.getElementById("axes-note").hidden = !along.length;
}
