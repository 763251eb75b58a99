// Figures are drawn when they come into view, again when what they show has changed. All else
// works while the browser is still busy with plotly, which stands last on the page.
const figures = new Map(); // element -> { draw, stale, drawn }
const waiting = new Set();
let frame = 0;
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const figure = figures.get(entry.target);
      if (figure) figure.visible = entry.isIntersecting;
      if (entry.isIntersecting) enqueue(entry.target);
    }
  },
  { rootMargin: "400px" },
);

// Figures follow their place: the window, the panel beside the page, what was folded.
const sized = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const figure = figures.get(target);
    if (!figure || !figure.drawn || isPrint || !contentRect.width || Math.abs(figure.width - contentRect.width) < 1) continue;
    figure.width = contentRect.width;
    Plotly.Plots.resize(target);
  }
});

window.addEventListener("plotly", () => figures.forEach((_, element) => enqueue(element)));

function enqueue(element) {
  const figure = figures.get(element);
  if (!figure || !figure.stale || !figure.visible || !window.Plotly) return;
  waiting.add(element);
  if (!frame) frame = requestAnimationFrame(drawWaiting);
}

// A frame's worth at a time, so that the page answers while many are drawn.
function drawWaiting() {
  frame = 0;
  const began = performance.now();
  for (const element of waiting) {
    waiting.delete(element);
    if (figures.has(element) && figures.get(element).stale) drawFigure(element);
    if (performance.now() - began > 120) break;
  }
  if (waiting.size) frame = requestAnimationFrame(drawWaiting);
}

// size: width and height; without it that of the element.
function drawFigure(element, size) {
  const figure = figures.get(element);
  if (!figure || !element.isConnected || !window.Plotly) return;
  const { data, layout } = figure.draw();
  const full = { ...layout, ...themed(layout), autosize: !size, uirevision: figure.revision || "same", ...size };
  figure.width = size ? size.width : element.clientWidth;
  Plotly.react(element, data, full, { displayModeBar: false });
  if (!figure.drawn && figure.onClick) element.on("plotly_click", figure.onClick);
  figure.stale = false;
  figure.drawn = true;
  element.dataset.drawn = "true";
}

function themed(layout) {
  const ink = cssValue("--ink"), line = cssValue("--line"), paper = cssValue("--paper");
  const found = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: "system-ui, sans-serif", size: 12 },
    hoverlabel: { bgcolor: paper, bordercolor: line, font: { color: ink, size: 12 }, align: "left" },
  };
  for (const axis of ["xaxis", "yaxis", "yaxis2"])
    if (layout[axis]) found[axis] = { ...layout[axis], gridcolor: line, linecolor: line, zerolinecolor: line };
  return found;
}

function baseLayout(x, y, more = {}) {
  return {
    margin: { l: 58, r: 12, t: 10, b: 42 }, hovermode: "closest", showlegend: false,
    xaxis: { title: { text: plain(x), standoff: 6 }, zeroline: false },
    yaxis: { title: { text: plain(y), standoff: 6 }, zeroline: false },
    ...more,
  };
}

// Panels on one scale: y from nought, or from the least, to the largest of all of them. An
// interval of few networks may reach far beyond every one of them: it gets some room, not all.
function onOneScale(specs) {
  let built = null;
  const range = (isLog) => {
    let least = isLog ? Infinity : 0, most = -Infinity;
    for (const { data } of built.values())
      for (const trace of data)
        for (const y of trace.meta === "interval" ? [] : trace.y) {
          if (y > most && y < 1e300) most = y;
          if (y < least && y !== null && (y > 0 || !isLog)) least = y;
        }
    if (!(most > least)) return null;
    const wide = options.band === "interval" && options.each !== "1";
    if (isLog) return [Math.log10(least) - (wide ? 0.15 : 0.05), Math.log10(most) + (wide ? 0.15 : 0.05)];
    const room = (most - least) * (wide ? 0.15 : 0.04);
    return [least < 0 ? least - room : 0, most + room];
  };
  const draw = (spec) => {
    if (!built) built = new Map(specs.map((one) => [one.id, one.draw()]));
    const { data, layout } = built.get(spec.id), ends = range(layout.yaxis.type === "log");
    return { data, layout: ends ? { ...layout, yaxis: { ...layout.yaxis, range: ends } } : layout };
  };
  return specs.map((spec) => ({ ...spec, draw: () => draw(spec) }));
}

// The panels of one section. specs: id, title, label, draw, and perhaps legend, note, onClick, tall.
function showPanels(container, specs) {
  const kept = new Map([...container.children].map((child) => [child.dataset.panel, child]));
  for (const [place, spec] of specs.entries()) {
    let panel = kept.get(spec.id);
    if (!panel) {
      const plot = make("div", { className: "plot", role: "img" });
      const title = make("figcaption", { className: "title" });
      const legend = make("div", { className: "legend" });
      panel = make("figure", { "data-panel": spec.id }, title, legend, plot, make("figcaption", { className: "note" }));
      figures.set(plot, { draw: spec.draw, onClick: spec.onClick, stale: true });
      seen.observe(plot);
      sized.observe(plot);
    }
    kept.delete(spec.id);
    if (container.children[place] !== panel) container.insertBefore(panel, container.children[place] || null);
    const [title, legend, plot, note] = panel.children;
    legend.replaceChildren(...(spec.legend || []));
    title.textContent = spec.title || "";
    note.textContent = spec.note || "";
    plot.setAttribute("aria-label", spec.label || spec.title || "");
    plot.classList.toggle("tall", Boolean(spec.tall));
    Object.assign(figures.get(plot), { draw: spec.draw, stale: true });
    enqueue(plot);
  }
  for (const gone of kept.values()) {
    const plot = gone.querySelector(".plot");
    seen.unobserve(plot);
    sized.unobserve(plot);
    if (figures.get(plot).drawn) Plotly.purge(plot); // frees what it holds
    figures.delete(plot);
    gone.remove();
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => changed("theme"));
// Pixels; two plots stand side by side on A4 and on letter. The style sheet has the same.
const PRINT_SIZES = { plot: { width: 330, height: 260 }, tall: { width: 672, height: 400 } };
// Paper is light, narrow and shows everything.
window.addEventListener("beforeprint", () => {
  isPrint = true;
  document.documentElement.classList.add("print");
  for (const listener of listeners) listener("theme");
  for (const element of figures.keys())
    drawFigure(element, element.classList.contains("tall") ? PRINT_SIZES.tall : PRINT_SIZES.plot);
});
window.addEventListener("afterprint", () => {
  isPrint = false;
  document.documentElement.classList.remove("print");
  for (const listener of listeners) listener("theme");
});
readTheme();
