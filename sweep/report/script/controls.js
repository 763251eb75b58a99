// Filters and choices: native inputs, so that keyboards and screen readers can use them.
const controls = { filters: document.getElementById("filters"), count: document.getElementById("count") };

function buildFilters() {
  for (const key of FILTERS) {
    // Settings of training don't filter untrained networks, so only those of trained ones count.
    const ofTraining = key.startsWith("training.") && key !== DATA.seed;
    const values = ofTraining ? valuesAmong(key, ALL.filter(isTrained)) : TRIALS.columns[key].values;
    if (values.length < 2) continue;
    const legend = make("legend", {}, shortKey(key));
    const inputs = isRange(key) ? rangeInputs(key, values) : chips(key, values);
    controls.filters.append(make("fieldset", { "data-filter": key }, legend, ...inputs));
  }
}

function chips(key, values) {
  const box = make("span", { className: "chips" });
  for (const value of values) {
    const input = make("input", { type: "checkbox", value: said(value), checked: true });
    input.addEventListener("change", () => {
      const on = [...box.querySelectorAll("input:checked")].map((one) => one.value);
      filter(key, on.length === values.length ? null : new Set(on));
    });
    const only = make("button", { type: "button", className: "only", title: `only ${said(value)}`, "aria-label": `only ${shortKey(key)} ${said(value)}` }, "only");
    only.addEventListener("click", () => filter(key, new Set([said(value)])));
    box.append(make("span", { className: "chip" }, make("label", {}, input, " ", said(value)), only));
  }
  return [box];
}

function rangeInputs(key, values) {
  const numbers = values.filter(isNumber);
  return [["from", 0, numbers[0]], ["to", 1, numbers.at(-1)]].map(([word, end, usual]) => {
    const input = make("input", { type: "number", step: "any", placeholder: shown(usual), "data-end": end });
    input.addEventListener("change", () => {
      const ends = [...(chosen[key] || [-Infinity, Infinity])];
      ends[end] = input.value === "" ? [-Infinity, Infinity][end] : Number(input.value);
      filter(key, ends.some(Number.isFinite) ? ends : null);
    });
    return make("label", { className: "range" }, `${word} `, input);
  });
}

// A choice among options; groups: [label, [value, words][]][].
function fillSelect(id, name, groups) {
  const select = document.getElementById(id);
  for (const [label, members] of groups) {
    const nodes = members.map(([value, words]) => make("option", { value }, words));
    select.append(...(label && groups.length > 1 ? [make("optgroup", { label }, ...nodes)] : nodes));
  }
  select.dataset.option = name;
  select.addEventListener("change", () => choose(name, select.value));
}

function fillCheck(id, name) {
  const box = document.getElementById(id);
  box.dataset.option = name;
  box.addEventListener("change", () => choose(name, box.checked ? "1" : "0"));
}

const quantityGroups = () => {
  const groups = new Map();
  for (const one of DATA.quantities) {
    if (one.rank) continue; // points of a scale curve have a figure of their own
    const label = one.control ? `${one.analysis} (control)` : one.analysis;
    if (!groups.has(label)) groups.set(label, []);
    groups.get(label).push([one.name, one.name]);
  }
  return [...groups];
};

// Shows the state in the inputs; said in words too, for paper.
function syncControls() {
  const number = selected().length;
  controls.count.textContent = number === NUM_TRIALS
    ? plural(NUM_TRIALS, "network") : `${count(number)} of ${plural(NUM_TRIALS, "network")}`;
  for (const fieldset of controls.filters.querySelectorAll("[data-filter]")) {
    const own = chosen[fieldset.dataset.filter];
    for (const input of fieldset.querySelectorAll("input")) {
      if (input.type === "checkbox") input.checked = !own || own.has(input.value);
      else if (document.activeElement !== input)
        input.value = own && Number.isFinite(own[input.dataset.end]) ? own[input.dataset.end] : "";
    }
    fieldset.classList.toggle("active", Boolean(own));
  }
  for (const input of document.querySelectorAll("[data-option]")) {
    const value = input.dataset.option === "predictor" ? predictorName() : options[input.dataset.option];
    if (input.type === "checkbox") input.checked = value === "1";
    else input.value = value;
  }
  const told = Object.entries(chosen).map(([key, value]) =>
    `${shortKey(key)}: ${value instanceof Set ? [...value].join(", ") || "none" : value.map(shown).join(" to ")}`);
  document.getElementById("told").textContent = told.length ? `Shown: ${told.join("; ")}.` : "";
  document.getElementById("reset").disabled = !location.hash;
  document.body.classList.toggle("none-selected", number === 0);
}
