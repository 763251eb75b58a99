// The page's data: one object read at once, and parts that are read when they are needed.
const DATA = JSON.parse(document.getElementById("data").textContent);
const TRIALS = DATA.trials;
const NUM_TRIALS = TRIALS.name.length;
const ALL = [...Array(NUM_TRIALS).keys()];
const PARTS = new Map(
  [...document.querySelectorAll("script[data-part]")].map((element) => [element.dataset.part, element]),
);
const readParts = new Map();

// A part by its name, such as "profile:id/twonn"; null if the page has none.
function part(name) {
  if (!readParts.has(name)) {
    const element = PARTS.get(name);
    readParts.set(name, element ? JSON.parse(element.textContent) : null);
  }
  return readParts.get(name);
}

// A quantity of layers: value, low, high by trial, each an array by layer.
const profilesOf = (quantity) => part("profile:" + quantity) || { value: [] };

// A number of networks: value, low, high by trial.
const scalarOf = (name) => part("scalar:" + name) || { value: [] };

const layersOf = (trial) => DATA.layer_sets[DATA.layer_set[trial]];

// A setting, role, family or variant of a trial.
function settingOf(key, trial) {
  const column = TRIALS.columns[key];
  return column ? column.values[column.codes[trial]] : TRIALS.constants[key];
}

const hasRole = (trial, role) => settingOf("role", trial) === role;
const isTrained = (trial) => hasRole(trial, "trained");

// The values of a column that trials have, in the column's order.
function valuesAmong(key, trials) {
  const column = TRIALS.columns[key];
  if (!column) return [TRIALS.constants[key]];
  const codes = new Set(trials.map((trial) => column.codes[trial]));
  return column.values.filter((_, code) => codes.has(code));
}

// Trials by their value of a column, in the column's order.
function groupBy(key, trials) {
  const groups = new Map(valuesAmong(key, trials).map((value) => [value, []]));
  for (const trial of trials) groups.get(settingOf(key, trial)).push(trial);
  return groups;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const said = (value) => (value === null || value === undefined ? "none" : String(value));
const count = (number) => number.toLocaleString("en-US");
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
const shortKey = (key) => key.replace(/^(model|training)\./, "").replaceAll("_", " ");

// A number with four significant digits, for people.
function shown(value) {
  if (!isNumber(value)) return "";
  if (Number.isInteger(value)) return count(value);
  return String(Number(value.toPrecision(4)));
}

function interval(value, low, high) {
  if (!isNumber(value)) return "";
  if (!isNumber(low) && !isNumber(high)) return shown(value);
  return `${shown(value)} [${shown(low)}, ${isNumber(high) ? shown(high) : "?"}]`;
}

// Text for a figure, where plotly takes some tags.
const plain = (text) => said(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

// An element with properties, attributes where a name has a dash, and children.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}
