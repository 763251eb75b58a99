// Colors, dashes and symbols: Okabe and Ito's palette, never color alone.
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon"];
// Perceptually even from purple to yellow-green (viridis without its palest end).
const VIRIDIS = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#9fda3a"];
const VIRIDIS_DARK = ["#7b6bd6", "#5f86d3", "#3f9bc4", "#2fb3a9", "#4ac16d", "#9fda3a", "#fde725"];
let isDark = false, isPrint = false;

function readTheme() {
  isDark = matchMedia("(prefers-color-scheme: dark)").matches && !isPrint;
}

const cssValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The look of one value of a column among all its values, the same in every figure.
function lookOf(key, value) {
  const column = TRIALS.columns[key];
  const values = column ? column.values : [value];
  const place = Math.max(0, values.indexOf(value));
  const dash = DASHES[place % DASHES.length], symbol = SYMBOLS[place % SYMBOLS.length];
  if (key === "variant") {
    const look = variantLook(values, place);
    return { ...look, color: onPaper(look.color), symbol };
  }
  const numbers = values.filter(isNumber);
  if (numbers.length > 1 && isNumber(value)) {
    const shades = isDark ? VIRIDIS_DARK : VIRIDIS;
    const share = numbers.indexOf(value) / (numbers.length - 1);
    return { color: shades[Math.round(share * (shades.length - 1))], dash, symbol };
  }
  return { color: onPaper(PALETTE[place % PALETTE.length]), dash, symbol };
}

// On dark paper the same colors, somewhat lighter.
const onPaper = (color) => (isDark ? mix(color, "#ffffff", 0.25) : color);

// The look of one of several quantities.
const lookByPlace = (place) => ({
  color: onPaper(PALETTE[place % PALETTE.length]), dash: DASHES[place % DASHES.length], symbol: SYMBOLS[place % SYMBOLS.length],
});

// Variants keep the colors of the still pictures; of those alike in color, the dash tells.
function variantLook(values, place) {
  const color = TRIALS.variant_colors[place], name = values[place];
  const alike = values.filter((_, other) => TRIALS.variant_colors[other] === color);
  if (name === "true labels") return { color, dash: "solid" };
  if (name === "untrained") return { color: isDark ? "#b0b0b0" : "#777777", dash: "dot" };
  const order = alike.indexOf(name);
  const mixed = alike.length > 1 && color === PALETTE[1]
    ? mix(PALETTE[4], PALETTE[1], order / (alike.length - 1)) : color;
  const dashes = DASHES.filter((dash) => dash !== "solid" && dash !== "dot");
  return { color: mixed, dash: dashes[order % dashes.length] };
}

function mix(from, to, share) {
  const at = (color, start) => parseInt(color.slice(start, start + 2), 16);
  const parts = [1, 3, 5].map((start) => Math.round(at(from, start) * (1 - share) + at(to, start) * share));
  return "#" + parts.map((one) => one.toString(16).padStart(2, "0")).join("");
}

function faded(color, share) {
  const parts = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
  return `rgba(${parts.join(",")},${share})`;
}

const DASH_LENGTHS = { dash: "7 4", dot: "2 3", dashdot: "7 3 2 3", longdash: "11 4", longdashdot: "11 3 2 3" };

// One entry of a legend: a drawn line or symbol, and words.
function legendEntry(words, look, withSymbol) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const set = (element, values) => Object.entries(values).forEach(([k, v]) => element.setAttribute(k, v));
  set(svg, { width: 34, height: 14, "aria-hidden": "true" });
  if (withSymbol) {
    const text = document.createElementNS(space, "text");
    const letters = { circle: "●", square: "■", diamond: "◆", "triangle-up": "▲", cross: "✚", x: "✖", star: "★", hexagon: "⬢" };
    set(text, { x: 17, y: 12, "text-anchor": "middle", fill: look.color, "font-size": 13 });
    text.textContent = letters[look.symbol];
    svg.append(text);
  } else {
    const line = document.createElementNS(space, "line");
    set(line, { x1: 2, x2: 32, y1: 7, y2: 7, stroke: look.color, "stroke-width": 2.5, "stroke-dasharray": DASH_LENGTHS[look.dash] || "" });
    svg.append(line);
  }
  return make("span", { className: "entry" }, svg, words);
}
