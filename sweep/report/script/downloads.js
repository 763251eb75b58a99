// The networks that the table lists, as CSV with all columns and as JSON with all profiles.
function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// RFC 4180; a text that a spreadsheet would take for a formula stays text.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (isNumber(value)) return String(value);
  const text = /^[=+\-@\t]/.test(value) ? "'" + value : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function trialsCsv(trials) {
  const settings = [...Object.keys(TRIALS.columns), ...Object.keys(TRIALS.constants)];
  const ends = DATA.scalars.flatMap((name) => ["value", "low", "high"].filter((end) => scalarOf(name)[end]).map((end) => [name, end]));
  const head = ["trial", "name", ...settings, ...ends.map(([name, end]) => (end === "value" ? name : `${name} ${end}`))];
  const lines = trials.map((trial) => [
    TRIALS.key[trial], TRIALS.name[trial], ...settings.map((key) => settingOf(key, trial)),
    ...ends.map(([name, end]) => scalarOf(name)[end][trial]),
  ]);
  return [head, ...lines].map((line) => line.map(csvCell).join(",")).join("\n") + "\n";
}

function trialsJson(trials) {
  return JSON.stringify(trials.map((trial) => ({
    trial: TRIALS.key[trial], name: TRIALS.name[trial],
    settings: Object.fromEntries([...Object.keys(TRIALS.columns), ...Object.keys(TRIALS.constants)].map((key) => [key, settingOf(key, trial)])),
    numbers: Object.fromEntries(DATA.scalars.filter((name) => isNumber(scalarOf(name).value[trial])).map((name) => [name, ends(scalarOf(name), trial)])),
    layers: layersOf(trial),
    profiles: Object.fromEntries(DATA.quantities.filter((one) => profilesOf(one.name).value[trial]).map((one) => [one.name, ends(profilesOf(one.name), trial)])),
  })), null, 1);
}

const ends = (found, trial) => Object.fromEntries(
  ["value", "low", "high", "scale"].filter((end) => found[end] && found[end][trial] !== null).map((end) => [end, found[end][trial]]));

function watchDownloads() {
  const listed = () => tableTrials(tableColumns());
  document.getElementById("download-csv").addEventListener("click", () => download(`${DATA.sweep}-networks.csv`, "text/csv", trialsCsv(listed())));
  document.getElementById("download-json").addEventListener("click", () => download(`${DATA.sweep}-networks.json`, "application/json", trialsJson(listed())));
}
