// Networks that are measured at several epochs: the profile by epoch, and what test error does.
function renderDynamics() {
  const found = part("epochs"), section = document.getElementById("dynamics-section");
  section.hidden = !found;
  if (!found) return;
  const place = new Map(found.trial.map((trial, number) => [trial, number]));
  const specs = [];
  const members = selected().filter((trial) => place.has(trial));
  for (const [variant, ofVariant] of groupBy("variant", members))
    for (const [family, own] of groupBy("family", ofVariant)) {
      const title = `${family}, ${variant} (${plural(own.length, "network")})`;
      const numbers = own.map((trial) => [trial, place.get(trial)]);
      specs.push({ id: title + " profiles", title: `${title}, by epoch`, label: `Profiles by epoch, ${title}`, draw: () => epochsFigure(numbers, found) });
      specs.push({ id: title + " course", title: `${title}, epoch after epoch`, label: `Test error against the last hidden layer by epoch, ${title}`, draw: () => courseFigure(numbers, found) });
    }
  showPanels(document.getElementById("dynamics"), specs);
  const epochs = [...new Set(found.epoch.flat())].sort((a, b) => a - b);
  document.getElementById("dynamics-legend").replaceChildren(
    ...epochs.map((epoch, number) => legendEntry(`epoch ${epoch}`, { color: epochColor(number, epochs.length), dash: DASHES[number % DASHES.length] })));
}

const epochColor = (number, all) => {
  const shades = isDark ? VIRIDIS_DARK : [...VIRIDIS].reverse();
  return shades[Math.round((number / Math.max(1, all - 1)) * (shades.length - 1))];
};
const epochsOf = (numbers, found) => [...new Set(numbers.flatMap(([, number]) => found.epoch[number]))].sort((a, b) => a - b);

function epochsFigure(numbers, found) {
  const epochs = epochsOf(numbers, found), data = [];
  epochs.forEach((epoch, order) => {
    const values = new Map();
    for (const [trial, number] of numbers) {
      const at = found.epoch[number].indexOf(epoch);
      if (at >= 0) values.set(trial, found.value[number][at]);
    }
    const profile = meanProfile([...values.keys()], (trial) => values.get(trial), options.x === "index");
    if (!profile) return;
    data.push({
      x: profile.x, y: profile.at.map((one) => one.mean), mode: "lines",
      line: { color: epochColor(order, epochs.length), dash: DASHES[order % DASHES.length], width: 2 },
      text: profile.at.map((one, at) => `epoch ${epoch}, ${shown(profile.x[at])}: mean ${shown(one.mean)}<br>range ${shown(one.least)} to ${shown(one.most)}`),
      hovertemplate: "%{text}<extra></extra>",
    });
  });
  const layout = baseLayout(xTitle(), DATA.main);
  layout.yaxis.rangemode = "tozero";
  return { data, layout };
}

function courseFigure(numbers, found) {
  const epochs = epochsOf(numbers, found), points = [];
  epochs.forEach((epoch, order) => {
    const last = [], error = [];
    for (const [trial, number] of numbers) {
      const at = found.epoch[number].indexOf(epoch), place = layersOf(trial).last;
      if (at < 0 || place === null) continue;
      const value = found.value[number][at][place], own = found.test_error[number][at];
      if (isNumber(value) && isNumber(own)) { last.push([trial, value]); error.push([trial, own]); }
    }
    if (last.length) points.push([epoch, summarizeNetworks(last).mean, summarizeNetworks(error).mean, order]);
  });
  const data = [{
    x: points.map((p) => p[1]), y: points.map((p) => p[2]), text: points.map((p) => String(p[0])),
    mode: "lines+markers+text", textposition: "top right", line: { color: "#888888", width: 1.2 },
    marker: { size: 8, color: points.map((p) => epochColor(p[3], epochs.length)) },
    hovertemplate: "epoch %{text}: (%{x:.4g}, %{y:.4g})<extra></extra>", cliponaxis: false,
  }];
  return { data, layout: baseLayout(`${DATA.main}, last hidden layer`, "test_error") };
}
