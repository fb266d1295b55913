"use strict";
(function () {
  const config = { responsive: true, displaylogo: false, displayModeBar: false };
  const narrow = window.matchMedia("(max-width: 600px)").matches;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const waiting = new Map();

  // The library is text until the words of the page are there to be read.
  function library() {
    if (window.Plotly) { return; }
    const script = document.createElement("script");
    script.textContent = document.getElementById("library").textContent;
    document.head.append(script);
  }
  // A phone has less room for letters, and a finger that moves over a chart means to scroll.
  function fit(name, figure) {
    if (!narrow) { return figure; }
    const layout = figure.layout;
    layout.template.layout.font.size = 11;
    layout.dragmode = false;
    for (const axis of ["xaxis", "yaxis"]) { layout[axis] = { ...layout[axis], fixedrange: true }; }
    if (name === "map") { layout.height = 380; }
    if (layout.xaxis.type === "date" && layout.xaxis.dtick === "M12") { layout.xaxis.tickformat = "’%y"; }
    layout.legend.font = { size: 10 };
    if (layout.xaxis.side === "top") { layout.legend.x = -0.5; layout.margin.l *= 0.8; }
    for (const trace of figure.data) {
      if (trace.type === "heatmap") { trace.showscale = false; layout.margin.t = 8; layout.height -= 60; }
      if (trace.textfont && trace.textfont.size) { trace.textfont.size -= 2; }
      if (name === "map" && trace.marker && Array.isArray(trace.marker.size)) { trace.marker.size = trace.marker.size.map((v) => 0.7 * v); }
    }
    return figure;
  }
  function first(box) { return Object.keys(figures[box.dataset.figure])[0]; }
  function show(box, view) {
    library();
    waiting.delete(box);
    box.style.minHeight = "";
    const figure = fit(box.dataset.figure, structuredClone(figures[box.dataset.figure][view]));
    return Plotly.react(box, figure.data, figure.layout, config);
  }
  for (const box of document.querySelectorAll("[data-figure]")) {
    waiting.set(box, () => show(box, first(box)));
    // Room for the chart, so that nothing moves when it is drawn.
    box.style.minHeight = figures[box.dataset.figure][first(box)].layout.height + "px";
  }
  for (const select of document.querySelectorAll("[data-views]")) {
    select.selectedIndex = 0;
    select.addEventListener("change", () => show(document.getElementById("chart-" + select.dataset.views), select.value));
  }
  function distance(box) {
    const place = box.getBoundingClientRect();
    return Math.max(0, place.top - window.innerHeight, -place.bottom);
  }
  // When nothing else is to be done; some browsers cannot tell.
  function idle() {
    return new Promise((go) => window.requestIdleCallback ? requestIdleCallback(go, { timeout: 100 }) : setTimeout(go));
  }
  // One chart after the other, always the one nearest to what is being read; all of them, so that
  // what is printed, searched or read aloud is whole.
  async function drawAll() {
    while (waiting.size) {
      const [box] = [...waiting.keys()].sort((a, b) => distance(a) - distance(b));
      await waiting.get(box)();
      await idle();
    }
    document.documentElement.dataset.ready = "1";
    document.documentElement.dataset.overflow = String(document.documentElement.scrollWidth - window.innerWidth);
  }

  const packed = JSON.parse(document.getElementById("dispatch-data").textContent);
  const pick = (name) => document.getElementById("pick-" + name);
  const cache = new Map(), hoursBox = document.getElementById("chart-dispatch"), hoursHeight = narrow ? 400 : 460;

  // Differences, low bytes then high bytes, deflated, in base64; sums wrap at 16 bits.
  async function unpack(series) {
    const bytes = Uint8Array.from(atob(series.data), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const n = planes.length / 2, out = new Int16Array(n);
    let sum = 0;
    for (let i = 0; i < n; i++) { sum = (sum + planes[i] + 256 * planes[n + i]) & 65535; out[i] = sum; }
    return Array.from(out, (v) => Math.round(v * series.scale));
  }
  async function hours(block) {
    if (!cache.has(block)) {
      const names = Object.keys(packed.drawn).filter((name) => name in block.series);
      const values = await Promise.all(names.map((name) => unpack(block.series[name])));
      cache.set(block, Object.fromEntries(names.map((name, k) => [name, values[k]])));
    }
    return cache.get(block);
  }
  function fill(select, options) {
    const before = select.value;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    if (options.some(([value]) => value === before)) { select.value = before; }
  }
  const dayName = (hour) => new Date(Date.UTC(packed.year, 0, 1) + hour * 3600e3).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const stamp = (hour) => new Date(Date.UTC(packed.year, 0, 1) + hour * 3600e3).toISOString().slice(0, 16).replace("T", " ");
  const chosen = () => packed.blocks.find((b) => b.site === pick("site").value && b.period === pick("period").value);
  const perWeek = packed ? 168 / packed.hours_per_step : 168;

  function weeks() {
    const block = chosen();
    fill(pick("week"), Array.from({ length: Math.ceil(block.hours / 168) }, (_, k) =>
      [String(k), (k + 1) + " (from " + dayName(block.first_hour + 168 * k) + ")"]));
  }
  function periods() {
    fill(pick("period"), packed.blocks.filter((b) => b.site === pick("site").value).map((b) => [b.period, b.period]));
    weeks();
  }
  async function draw() {
    waiting.delete(hoursBox);
    const block = chosen(), series = await hours(block);
    return plot(block, Number(pick("week").value), series);
  }
  function plot(block, week, series) {
    library();
    waiting.delete(hoursBox);
    hoursBox.style.minHeight = "";
    const from = week * perWeek, traces = [];
    const steps = Math.ceil(block.hours / packed.hours_per_step);
    const x = [];
    for (let i = from; i < Math.min(from + perWeek, steps); i++) { x.push(stamp(block.first_hour + i * packed.hours_per_step)); }
    for (const [name, values] of Object.entries(series)) {
      const look = packed.drawn[name], part = values.slice(from, from + x.length);
      if (!part.some((v) => v !== 0)) { continue; }
      const stacked = look.kind === "up" || look.kind === "down";
      const line = look.kind === "line" ? 2 : look.kind === "dots" ? 1.5 : 0;
      traces.push({
        x: x, name: look.name, type: "scatter", mode: "lines", hovertemplate: "%{y:,.0f} MW",
        y: look.kind === "down" ? part.map((v) => -v) : part,
        stackgroup: stacked ? look.kind : undefined, fillcolor: stacked ? look.colour : undefined,
        line: { color: look.colour, shape: "hv", width: line, dash: look.kind === "dots" ? "dot" : "solid" }
      });
    }
    traces.sort((a, b) => (a.stackgroup ? 0 : 1) - (b.stackgroup ? 0 : 1));
    document.getElementById("dispatch-words").textContent =
      block.site + ", " + block.period + ", hours of reference year " + packed.year + "; below zero: charging and export; dotted: sun and wind that are not used.";
    return Plotly.react(hoursBox, traces, {
      template: { layout: { plot_bgcolor: "#fff", paper_bgcolor: "#fff" } }, height: hoursHeight, autosize: true,
      font: { size: narrow ? 11 : 13, color: "#1b1f24" }, hovermode: "x unified", dragmode: narrow ? false : "zoom",
      margin: { l: 56, r: 12, t: 12, b: 40 },
      yaxis: { title: { text: "MW" }, automargin: true, gridcolor: "#e5e9ed", zerolinecolor: "#57606a", fixedrange: narrow },
      xaxis: { automargin: true, gridcolor: "#e5e9ed", tickformat: "%-d %b", tickangle: 0, dtick: 864e5, fixedrange: narrow, hoverformat: "%-d %b %H:%M" },
      legend: { orientation: "h", y: -0.12, yanchor: "top", x: 0, traceorder: "normal" }
    }, config);
  }
  function step(by) {
    const select = pick("week"), next = select.selectedIndex + by;
    if (next >= 0 && next < select.options.length) { select.selectedIndex = next; draw(); }
  }
  if (packed) {
    if (typeof DecompressionStream === "undefined") {
      document.getElementById("dispatch-words").textContent = "This browser is too old to show hours; dispatch.parquet holds them.";
    } else {
      fill(pick("site"), [...new Set(packed.blocks.map((b) => b.site))].map((s) => [s, s]));
      const start = packed.blocks[packed.start];
      pick("site").value = start.site;
      periods();
      pick("period").value = start.period;
      weeks();
      pick("site").addEventListener("change", () => { periods(); draw(); });
      pick("period").addEventListener("change", () => { weeks(); draw(); });
      pick("week").addEventListener("change", draw);
      document.getElementById("week-before").addEventListener("click", () => step(-1));
      document.getElementById("week-after").addEventListener("click", () => step(1));
      // Its first week is there unpacked: a printer does not wait.
      waiting.set(hoursBox, () => plot(start, 0, packed.shown));
      hoursBox.style.minHeight = hoursHeight + "px";
    }
  }
  document.addEventListener("DOMContentLoaded", () => setTimeout(drawAll));
  window.addEventListener("beforeprint", () => {
    for (const chart of [...waiting.values()]) { chart(); }
    for (const box of document.querySelectorAll(".js-plotly-plot")) { Plotly.Plots.resize(box); }
  });
})();
