// Replaces the body every two seconds by the one that the server renders, and draws the
// rate and the lag of each source since the page was opened. Without this script, the page
// shows the state at the time of the request.
"use strict";
const PAUSE = 2000, KEPT = 150, history = new Map();
const SVG = "http://www.w3.org/2000/svg";

function remember(status) {
  for (const source of status.sources) {
    const points = history.get(source.name) || [];
    points.push({ rate: source.rate.accepted, lag: source.lag });
    history.set(source.name, points.slice(-KEPT));
  }
}

function curve(values) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(...values.map(v => v || 0), 1e-9) * 1.05;
  const last = Math.max(values.length - 1, 1);
  const points = values.map((value, index) =>
    (100 * index / last).toFixed(2) + " " + (30 - 29 * (value || 0) / most).toFixed(2));
  const line = "M" + points.join("L");
  for (const [name, d] of [["area", line + "L100 30L0 30Z"], ["line", line]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function figure(caption, value, values) {
  const figure = document.createElement("figure");
  const words = document.createElement("figcaption");
  const number = document.createElement("b");
  number.textContent = value;
  words.append(caption + " ", number);
  figure.append(words, curve(values));
  return figure;
}

function draw() {
  for (const place of document.querySelectorAll(".curves")) {
    const points = history.get(place.dataset.source);
    if (!points || points.length < 2) continue;
    place.replaceChildren(
      figure("events/s", place.dataset.rate, points.map(point => point.rate)),
      figure("lag", place.dataset.lag, points.map(point => point.lag)));
  }
}

async function turn() {
  const said = document.getElementById("said");
  try {
    const [status, page] = await Promise.all([fetch("status"), fetch("./")]);
    if (!status.ok || !page.ok) throw new Error("status " + status.status);
    remember(await status.json());
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.title = fresh.title;
    draw();
  } catch (error) {
    said.textContent = "The collector does not answer; the numbers are old.";
    said.className = "verdict bad";
  }
  setTimeout(turn, PAUSE);
}
turn();
