import { follow, get, hasToken, setToken, takeToken } from "./api.js";
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

let info = null, points = [], current = null, paused = false, reading = null, again = false, looks = 0, visited = 0, byKey = false;
const said = new Set(); // the findings that were read out
const lost = { stream: "connecting", refused: false, read: "" }; // why there is no answer, or ""; refused is an answer, but no stream

const app = {
  points: () => points,
  write: () => !!info?.write && info.live,
  say: (text) => { $("live").textContent = text; },
  tell,
  refresh,
  ask,
};

// tell says something that must not be overlooked.
function tell(text) {
  $("told").textContent = text;
  $("told").hidden = !text;
}

// ask asks for a text before something is done; null means that it is not to be done.
function ask(title, text, yes) {
  const d = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = yes;
  $("ask-input").value = "";
  d.showModal();
  $("ask-no").focus();
  return new Promise((done) => {
    const end = (v) => { d.onclose = null; d.close(); done(v); };
    $("ask-yes").onclick = () => end($("ask-input").value);
    $("ask-input").onkeydown = (e) => { if (e.key === "Enter") { e.preventDefault(); end($("ask-input").value); } };
    $("ask-no").onclick = () => end(null);
    d.onclose = () => { if (!d.open) done(null); }; // that of the time before may come when it is open again
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
  tell("");
  scrollTo(0, 0);
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
  if (!c) return;
  reading = new AbortController();
  const mine = reading;
  try {
    await c.refresh(mine.signal);
    if (c !== current) return;
    if (!c.shown) {
      c.shown = true;
      $("view").replaceChildren(c.box);
      c.point?.();
      if (byKey) ($("view").querySelector('[data-key][tabindex="0"]') || $("view")).focus({ preventScroll: true }); // so that the keys go on from there
    }
    document.body.dataset.ready = c.name;
    lost.read = "";
    link();
  } catch (err) {
    if (mine.signal.aborted || c !== current) return;
    if (err.status === 401) { needToken(); return; }
    if (!c.shown) $("view").replaceChildren(h("div.error", { role: "alert" }, "It cannot be read: " + err.message));
    lost.read = err.message;
    link();
  } finally {
    if (reading === mine) reading = null;
    if (again && !reading) { again = false; refresh(); }
  }
}

function counts(c, at) {
  const p = info.process;
  $("process").textContent = `${info.live ? "PID" : "from a file, PID"} ${p.pid}${p.hostname ? " on " + p.hostname : ""}, ${p.go}, for ${since(p.started, at)}`;
  const list = [["tasks", c.tasks], ["active", c.active], ["blocked", c.blocked], ["queued", c.queued], ["finishing", c.finishing], ["asked to end", c.cancelling], ["goroutines", c.goroutines]];
  $("counts").replaceChildren(...list.map(([k, v]) => h("div", null, h("dt", null, k), h("dd", null, number(v)))));
  $("badge").hidden = !c.findings;
  $("badge").textContent = c.findings;
}

function header() {
  const p = info.process;
  $("name").textContent = p.name;
  counts(info.counts, info.taken);
}

// link says whether what is shown is what is.
function link() {
  const el = $("link"), why = lost.stream || lost.read;
  el.className = "link " + (why ? "off" : paused ? "" : "on");
  const text = why === "connecting" ? why : lost.refused ? "not live: " + why : why ? "no answer: shown as it was last seen" : paused ? "paused" : "live";
  if (el.textContent !== text) el.textContent = text;
  el.title = why;
}

function needToken() {
  if ($("token")) return;
  current = null;
  lost.stream = "a token is needed";
  link();
  const refused = hasToken();
  const input = h("input", { type: "password", id: "token", "aria-label": "Token", autocomplete: "off", size: "40" });
  $("view").replaceChildren(h("form.card", { onsubmit: (e) => { e.preventDefault(); setToken(input.value); location.reload(); } },
    h("h2", null, "This console needs the token of the process"),
    refused ? h("p.cancel", { role: "alert" }, "The token that this page had is not, or no longer, the right one. A program that is started again has a new one.") : null,
    h("p", null, "The program has printed an address with it, after #token=. It is also in the file with the ending .token in the runtime directory."),
    h("div.row", null, input, h("button", null, "Use it"))));
  input.focus();
}

// reload reads what is the same in all views.
async function reload() {
  info = await get("info");
  header();
  points = (await get("series")).points;
}

async function start() {
  try {
    await reload();
  } catch (err) {
    if (err.status === 401) { needToken(); return; }
    lost.read = err.message;
    link();
  }
  route();
  window.addEventListener("hashchange", () => { visited++; route(); });
  follow("point,finding,resolved", {
    state: (why, status) => {
      if (status === 401) { needToken(); return; }
      lost.stream = why;
      lost.refused = !!status;
      link();
      if (!why && !paused && current?.shown === false) refresh(); // it could not be read before
    },
    event: (type, data) => {
      if (type === "hello") { info = data; if (!paused) header(); }
      if (type === "reset") reload().then(() => { if (!paused) refresh(); }, () => {}); // something was missed
      if (type === "point") {
        points.push(data);
        if (points.length > 1200) points.shift();
        looks++;
      }
      if (type === "finding") {
        const key = data.code + JSON.stringify(data.subjects?.[0] || 0) + data.since;
        if (!said.has(key)) app.say(`${data.code} ${data.title}`); // once, and not each time it is seen again
        said.add(key);
      }
      if (paused) return;
      if (type === "point") {
        counts(data, data.at);
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
  link();
  if (paused) {
    if (current?.shown) reading?.abort(); // what is being read would change what is held
  } else {
    header();
    refresh();
  }
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
document.addEventListener("pointerdown", () => { byKey = false; }, true);
document.addEventListener("keydown", () => { byKey = true; }, true);
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
  else if (e.key === "Escape") { if (current?.name === "task") { if (visited) history.back(); else location.hash = "#/tasks"; } }
  else return;
  e.preventDefault();
});
// An address that is put into the same tab changes only what follows #, so the page has to see to it. This comes before the views look.
window.addEventListener("hashchange", (e) => {
  if (!takeToken()) return;
  e.stopImmediatePropagation();
  location.reload();
});

start();
