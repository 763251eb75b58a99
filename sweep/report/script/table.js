// All networks as a table: sorts, searches, follows the filters, opens a network; a page at a time.
const ROWS = 50;
const tableState = { sort: "name", down: false, search: "", first: 0 };

function tableColumns() {
  const last = predictorName(), settings = DATA.axes.filter((key) => TRIALS.columns[key]);
  const text = (key, title) => ({ key, title, word: true, read: (trial) => settingOf(key, trial) });
  const number = (name) => {
    const found = scalarOf(name);
    return { key: name, title: name.replaceAll("_", " "), read: (t) => found.value[t], low: found.low, high: found.high };
  };
  const names = [DATA.response, "num_parameters", ...DATA.summary_scalars, last]
    .filter((name, place, all) => all.indexOf(name) === place && DATA.scalars.includes(name));
  return [
    { key: "name", title: "network", word: true, read: (trial) => TRIALS.name[trial] },
    text("family", "family"), text("variant", "variant"),
    ...settings.map((key) => ({ key, title: shortKey(key), className: "setting", read: (trial) => settingOf(key, trial) })),
    ...names.map(number),
  ];
}

// Numbers by size, then words; what is missing comes last whichever way.
function compare(a, b, down) {
  const missing = (value) => value === null || value === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order = isNumber(a) && isNumber(b) ? a - b : said(a).localeCompare(said(b), "en", { numeric: true });
  return down ? -order : order;
}

function tableTrials(columns) {
  const words = tableState.search.toLowerCase().split(/\s+/).filter(Boolean);
  const sortBy = columns.find((column) => column.key === tableState.sort) || columns[0];
  const text = (trial) => columns.filter((c) => !c.low).map((c) => said(c.read(trial))).join(" ").toLowerCase();
  const found = words.length ? selected().filter((trial) => { const all = text(trial); return words.every((word) => all.includes(word)); }) : [...selected()];
  return found.sort((a, b) => compare(sortBy.read(a), sortBy.read(b), tableState.down) || a - b);
}

const classOf = (column) => (column.word ? "word" : column.className || "");

function renderTable() {
  const columns = tableColumns(), trials = tableTrials(columns);
  if (tableState.first >= trials.length) tableState.first = 0;
  const page = trials.slice(tableState.first, tableState.first + ROWS);
  document.getElementById("trials-head").replaceChildren(...columns.map((column) => {
    const button = make("button", { type: "button", className: "sort", "data-sort": column.key }, column.title);
    const head = make("th", { className: classOf(column), scope: "col" }, button);
    if (tableState.sort === column.key) head.setAttribute("aria-sort", tableState.down ? "descending" : "ascending");
    return head;
  }));
  document.getElementById("trials-body").replaceChildren(...page.map((trial) => {
    const row = make("tr", { "data-trial": TRIALS.key[trial] });
    row.classList.toggle("open", options.network === TRIALS.key[trial]);
    row.append(...columns.map((column, place) => {
      const value = column.read(trial);
      const shownValue = isNumber(value) ? shown(value) : value === null || value === undefined ? "" : said(value);
      const cell = make("td", { className: classOf(column) });
      if (place === 0) cell.append(make("button", { type: "button", className: "link" }, shownValue));
      else cell.textContent = shownValue;
      if (column.low && isNumber(column.low[trial])) cell.title = interval(value, column.low[trial], column.high && column.high[trial]);
      return cell;
    }));
    return row;
  }));
  const last = Math.min(tableState.first + ROWS, trials.length);
  document.getElementById("trials-count").textContent = trials.length
    ? `${count(tableState.first + 1)} to ${count(last)} of ${plural(trials.length, "network")}` : "no network";
  document.getElementById("trials-back").disabled = tableState.first === 0;
  document.getElementById("trials-on").disabled = last >= trials.length;
}

function turnPage(step) {
  tableState.first = Math.max(0, tableState.first + step);
  renderTable();
}

function watchTable() {
  document.getElementById("trials-head").addEventListener("click", (event) => {
    const button = event.target.closest("[data-sort]");
    if (!button) return;
    const key = button.dataset.sort;
    Object.assign(tableState, { down: tableState.sort === key && !tableState.down, sort: key, first: 0 });
    renderTable();
    document.querySelector(`[data-sort="${CSS.escape(key)}"]`).focus();
  });
  document.getElementById("trials-body").addEventListener("click", (event) => {
    const row = event.target.closest("[data-trial]");
    if (row) choose("network", row.dataset.trial);
  });
  document.getElementById("trials-search").addEventListener("input", (event) => {
    Object.assign(tableState, { search: event.target.value, first: 0 });
    renderTable();
  });
  document.getElementById("trials-back").addEventListener("click", () => turnPage(-ROWS));
  document.getElementById("trials-on").addEventListener("click", () => turnPage(ROWS));
}
