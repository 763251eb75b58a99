// Means with intervals, profiles on one scale, straight lines.
const GRID = [...Array(41).keys()].map((step) => step / 40);

// Student's t at 97.5%; beyond the table by its expansion about the normal distribution.
function studentAt(freedom) {
  if (freedom < 1) return NaN;
  if (freedom <= DATA.student.length) return DATA.student[freedom - 1];
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
}

// Mean, its 95% interval over the values (Student's t), and their range.
function summarize(values) {
  const number = values.length;
  let sum = 0, least = Infinity, most = -Infinity;
  for (const value of values) {
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const mean = sum / number;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const reach = number > 1 ? studentAt(number - 1) * Math.sqrt(squares / (number - 1) / number) : NaN;
  return { mean, low: mean - reach, high: mean + reach, least, most, number };
}

// One network's points of a quantity: [x, value, place of the layer], without gaps.
function pointsOf(trial, values, byIndex) {
  const layers = layersOf(trial), points = [];
  if (!values) return points;
  for (let place = 0; place < values.length; place++) {
    const x = byIndex ? layers.index[place] : layers.depth[place];
    if (values[place] !== null && x !== null) points.push([x, values[place], place]);
  }
  return points;
}

// Linear interpolation between a network's layers; nothing beyond its first and last.
function interpolate(points, x) {
  const last = points.length - 1, close = 1e-6;
  if (x < points[0][0] - close || x > points[last][0] + close) return NaN;
  let right = 1;
  while (right < last && points[right][0] < x) right++;
  const [x0, y0] = points[right - 1], [x1, y1] = points[right];
  if (x1 === x0) return y1;
  return y0 + (y1 - y0) * Math.min(1, Math.max(0, (x - x0) / (x1 - x0)));
}

// The same of networks, pairs of a trial and its value: seeds of a configuration are no more
// independent than one network, so they are averaged; the range is over all. Of one
// configuration alone the interval is over its seeds; of fewer than DATA.fewest there is none.
function summarizeNetworks(pairs) {
  const units = new Map();
  for (const [trial, value] of pairs) {
    const unit = TRIALS.configuration[trial];
    if (!units.has(unit)) units.set(unit, []);
    units.get(unit).push(value);
  }
  const all = summarize(pairs.map((pair) => pair[1]));
  const told = units.size > 1 ? summarize([...units.values()].map((own) => summarize(own).mean)) : all;
  const found = { ...told, least: all.least, most: all.most, number: all.number, units: told.number };
  return told.number < DATA.fewest ? { ...found, low: NaN, high: NaN } : found;
}

// Mean, interval and range over networks at each depth or layer; null if none has two layers.
function meanProfile(trials, read, byIndex) {
  const curves = trials.map((trial) => [trial, pointsOf(trial, read(trial), byIndex)]).filter((one) => one[1].length > 1);
  if (!curves.length) return null;
  const gathered = new Map();
  if (byIndex) {
    for (const [trial, points] of curves)
      for (const [x, y] of points) gathered.has(x) ? gathered.get(x).push([trial, y]) : gathered.set(x, [[trial, y]]);
  } else {
    for (const x of GRID) {
      const values = curves.map(([trial, points]) => [trial, interpolate(points, x)]).filter((pair) => Number.isFinite(pair[1]));
      if (values.length) gathered.set(x, values);
    }
  }
  const at = [...gathered.keys()].sort((a, b) => a - b);
  return { x: at, at: at.map((x) => summarizeNetworks(gathered.get(x))), number: curves.length };
}

// Least squares of y on x with what its band needs; null without spread or with fewer than three.
function fitLine(x, y) {
  const number = x.length;
  if (number < 3) return null;
  const meanX = summarize(x).mean, meanY = summarize(y).mean;
  let xx = 0, xy = 0, yy = 0;
  for (let i = 0; i < number; i++) {
    xx += (x[i] - meanX) ** 2;
    xy += (x[i] - meanX) * (y[i] - meanY);
    yy += (y[i] - meanY) ** 2;
  }
  if (!(xx > 0) || !(yy > 0)) return null;
  const slope = xy / xx, spread = Math.sqrt(Math.max(0, yy - slope * xy) / (number - 2));
  const t = studentAt(number - 2);
  return {
    slope, number, r: xy / Math.sqrt(xx * yy), reachOfSlope: (t * spread) / Math.sqrt(xx),
    value: (at) => meanY + slope * (at - meanX),
    reach: (at) => t * spread * Math.sqrt(1 / number + (at - meanX) ** 2 / xx),
  };
}
