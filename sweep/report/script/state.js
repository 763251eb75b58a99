// What the reader has chosen. It stands in the address after "#", so that a link keeps it.
const MAX_CHIPS = 12; // more values of a number than these are filtered by a range
const DEFAULTS = {
  quantity: DATA.main || "", x: "depth", band: "interval", each: "0", lines: "variant",
  predictor: "", response: DATA.response, color: "family", fit: "all", network: "",
  ratio: "0", log: "1", scale: "rank", scales_variant: "",
};
const FILTERS = ["family", "variant", ...DATA.filters].filter((key) => TRIALS.columns[key]);
const isRange = (key) => {
  const values = TRIALS.columns[key].values.filter((value) => value !== null);
  return values.length > MAX_CHIPS && values.every(isNumber);
};
let options = { ...DEFAULTS };
let chosen = {}; // by filter: the set of values shown as text, or [least, most] of a range
let selectedTrials = null;
const listeners = [];

// Call when something changed; what: "filters" or the name of an option.
const onChange = (listener) => listeners.push(listener);

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  options = { ...DEFAULTS };
  chosen = {};
  for (const name of Object.keys(DEFAULTS)) if (given.has(name)) options[name] = given.get(name);
  if (!DATA.quantities.some((one) => one.name === options.quantity)) options.quantity = DEFAULTS.quantity;
  for (const key of FILTERS) {
    if (!given.has(key)) continue;
    if (isRange(key)) {
      const ends = given.get(key).split("..").map((end) => (end === "" ? NaN : Number(end)));
      chosen[key] = [Number.isNaN(ends[0]) ? -Infinity : ends[0], Number.isNaN(ends[1]) ? Infinity : ends[1]];
    } else chosen[key] = new Set(given.getAll(key));
  }
  selectedTrials = null;
}

function writeAddress() {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) if (value !== DEFAULTS[name]) told.set(name, value);
  for (const [key, value] of Object.entries(chosen)) {
    if (value instanceof Set) value.size ? value.forEach((one) => told.append(key, one)) : told.append(key, "");
    else told.set(key, value.map((end) => (Number.isFinite(end) ? end : "")).join(".."));
  }
  const text = told.toString();
  history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
}

function changed(what) {
  if (what === "filters") selectedTrials = null;
  writeAddress();
  for (const listener of listeners) listener(what);
}

function choose(name, value) {
  if (options[name] === value) return;
  options[name] = value;
  changed(name);
}

// filter: null shows all again.
function filter(key, value) {
  if (value === null) delete chosen[key];
  else chosen[key] = value;
  changed("filters");
}

function reset() {
  options = { ...DEFAULTS };
  chosen = {};
  selectedTrials = null;
  changed("reset");
}

// An untrained network has no settings of training but its seed and its images.
function passes(trial, key, value) {
  const own = settingOf(key, trial);
  if (key.startsWith("training.") && key !== DATA.seed && !isTrained(trial)) return true;
  if (value instanceof Set) return value.has(said(own));
  return isNumber(own) ? own >= value[0] && own <= value[1] : value.every((end) => !Number.isFinite(end));
}

// The trials that all filters let through.
function selected() {
  if (!selectedTrials) {
    const rules = Object.entries(chosen);
    selectedTrials = ALL.filter((trial) => rules.every(([key, value]) => passes(trial, key, value)));
  }
  return selectedTrials;
}

const predictorName = () => {
  if (options.predictor) return options.predictor;
  const [head, ...tail] = options.quantity.split("@")[0].split("/");
  const probe = options.quantity.includes("@") ? "@" + options.quantity.split("@")[1] : "";
  const follows = `${head}_last_hidden${tail.length ? "/" + tail.join("/") : ""}${probe}`;
  return options.quantity !== DATA.main && DATA.scalars.includes(follows) ? follows : DATA.predictor || "";
};
readAddress();
window.addEventListener("hashchange", () => {
  readAddress();
  for (const listener of listeners) listener("reset");
});
