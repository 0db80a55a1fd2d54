import { follow, get, setToken } from "./api.js";
import { h, number, since } from "./dom.js";
import { overviewView } from "./overview.js";
import { treeView } from "./tree.js";
import { graphView } from "./graph.js";
import { findingsView } from "./findings.js";
import { tasksView } from "./tasks.js";
import { taskView } from "./task.js";

// The page: which view is shown, when it is read again, and what is the same in all of them.

const views = { overview: overviewView, tree: treeView, graph: graphView, findings: findingsView, tasks: tasksView, task: taskView };
const order = ["overview", "tree", "graph", "findings", "tasks"];
const $ = (id) => document.getElementById(id);

let info = null, points = [], current = null, paused = false, reading = null, again = false, looks = 0;

const app = {
  points: () => points,
  write: () => !!info?.write && info.live,
  say: (text) => { $("live").textContent = text; $("link").title = text; },
  ask,
};

// ask asks for a text before something is done; null means that it is not to be done.
function ask(title, text) {
  const d = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-input").value = "";
  d.showModal();
  $("ask-no").focus();
  return new Promise((done) => {
    const end = (v) => { d.onclose = null; d.close(); done(v); };
    $("ask-yes").onclick = () => end($("ask-input").value);
    $("ask-no").onclick = () => end(null);
    d.onclose = () => done(null);
  });
}

function route() {
  const [path, query] = (location.hash.replace(/^#\/?/, "") || "overview").split("?");
  const [name, arg] = path.split("/");
  const make = views[name] || overviewView;
  const view = $("view");
  reading?.abort();
  reading = null;
  view.replaceChildren(h("div.note", null, "Reading…"));
  const box = h("div");
  current = { name: views[name] ? name : "overview", shown: false, ...make(box, name === "task" ? Number(arg) : new URLSearchParams(query), app), box };
  for (const a of document.querySelectorAll("nav a")) {
    if (a.dataset.view === current.name) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  document.title = `${info?.process.name || "braid"} – ${current.name}`;
  refresh();
}

// refresh reads the current view again. One reading at a time: what comes meanwhile asks for one more.
async function refresh() {
  if (reading) { again = true; return; }
  const c = current;
  reading = new AbortController();
  const mine = reading;
  try {
    await c.refresh(mine.signal);
    if (c !== current) return;
    if (!c.shown) {
      c.shown = true;
      $("view").replaceChildren(c.box);
      c.point?.();
    }
    document.body.dataset.ready = c.name;
  } catch (err) {
    if (mine.signal.aborted || c !== current) return;
    if (err.status === 401) { needToken(); return; }
    if (!c.shown) $("view").replaceChildren(h("div.error", { role: "alert" }, "It cannot be read: " + err.message));
    link("lost", err.message);
  } finally {
    if (reading === mine) reading = null;
    if (again && !reading) { again = false; refresh(); }
  }
}

function counts(c) {
  const list = [["tasks", c.tasks], ["active", c.active], ["blocked", c.blocked], ["queued", c.queued], ["finishing", c.finishing], ["asked to end", c.cancelling], ["goroutines", c.goroutines]];
  $("counts").replaceChildren(...list.map(([k, v]) => h("div", null, h("dt", null, k), h("dd", null, number(v)))));
  $("badge").hidden = !c.findings;
  $("badge").textContent = c.findings;
}

function header() {
  const p = info.process;
  $("name").textContent = p.name;
  $("process").textContent = `${info.live ? "PID " + p.pid : "from a file, PID " + p.pid}${p.hostname ? " on " + p.hostname : ""}, ${p.go}, for ${since(p.started, info.taken)}`;
  counts(info.counts);
}

function link(state, why) {
  const el = $("link");
  el.className = "link " + (state === "live" ? "on" : "off");
  el.textContent = state === "live" ? (paused ? "paused" : "live") : "no answer: shown as it was last seen";
  el.title = why || "";
}

function needToken() {
  const input = h("input", { type: "password", "aria-label": "Token", autocomplete: "off", size: "40" });
  $("view").replaceChildren(h("form.card", { onsubmit: (e) => { e.preventDefault(); setToken(input.value); location.reload(); } },
    h("h2", null, "This console needs the token of the process"),
    h("p", null, "The program has printed an address with it, after #token=. It is also in the file with the ending .token in the runtime directory."),
    h("div.row", null, input, h("button", null, "Use it"))));
  input.focus();
}

async function start() {
  try {
    info = await get("info");
    header();
    points = (await get("series")).points;
  } catch (err) {
    if (err.status === 401) { needToken(); return; }
    link("lost", err.message);
  }
  route();
  window.addEventListener("hashchange", route);
  follow("point,finding,resolved", {
    state: (s, why, status) => { if (status === 401) needToken(); else link(s, why); },
    event: (type, data) => {
      if (type === "hello") { info = data; if (!paused) header(); }
      if (type === "reset") get("series").then((x) => { points = x.points; }, () => {});
      if (type === "point") {
        points.push(data);
        if (points.length > 1200) points.shift();
        looks++;
      }
      if (type === "finding" && !data.told) app.say(`${data.code} ${data.title}`);
      if (paused) return;
      if (type === "point") {
        counts(data);
        current?.point?.();
        if (looks % (current?.every || 1) === 0 && document.visibilityState === "visible") refresh();
      } else if (type === "finding" || type === "resolved") {
        if (current?.name === "findings" || current?.name === "overview") refresh();
      }
    },
  });
}

function pause() {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  $("pause").textContent = paused ? "Go on" : "Pause";
  $("link").textContent = paused ? "paused" : "live";
  if (!paused) refresh();
}

function theme(to) {
  document.documentElement.dataset.theme = to;
  try { localStorage.setItem("braid-theme", to); } catch { /* the browser keeps nothing */ }
}

{
  let kept = null;
  try { kept = localStorage.getItem("braid-theme"); } catch { /* the browser keeps nothing */ }
  document.documentElement.dataset.theme = kept || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}
$("pause").onclick = pause;
$("theme").onclick = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
$("keys").onclick = () => $("help").showModal();
$("search").onsubmit = (e) => {
  e.preventDefault();
  location.hash = "#/tasks?" + new URLSearchParams({ name: $("query").value });
};
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches?.("input, select, textarea") || document.querySelector("dialog[open]")) {
    if (e.key === "Escape") e.target.blur?.();
    return;
  }
  if (e.key >= "1" && e.key <= "5") location.hash = "#/" + order[e.key - 1];
  else if (e.key === "/") $("query").focus();
  else if (e.key === "p") pause();
  else if (e.key === "t") $("theme").click();
  else if (e.key === "?") $("help").showModal();
  else if (e.key === "Escape") history.back();
  else return;
  e.preventDefault();
});

start();
