import { get } from "./api.js";
import { h, morph, span, state, number } from "./dom.js";

// The tree: who owns whom. Equal subtrees are shown once, with their number, so 10,000 tasks are a page.
// It is read again with each look, and what was open stays open: rows are known by their ids.

// spliced leaves out scopes that say nothing: groups without a name, a limit or a cancellation.
function spliced(nodes) {
  return (nodes || []).flatMap((n) => {
    n.children = spliced(n.children);
    const silent = n.kind === "group" && !n.name && !n.detail && !n.cancel && n.count === 1 && !n.cut;
    return silent ? n.children : [n];
  });
}

const FIRST = 60; // rows of one level that are shown before "more"

// What somebody has chosen outlives the view, so that it is there when they come back from a task.
const open = new Map(); // key -> true or false, where somebody has said
const wanted = new Map(); // key -> rows of this level to be shown
let fold = true, focus = "";

export function treeView(view, _, app) {
  let last = null;

  const root = h("div.tree", { role: "tree", "aria-label": "Tasks and scopes" });
  const sum = h("span.quiet");
  const empty = h("div.note", { hidden: true }, "No task runs.");
  const foldBox = h("input", { type: "checkbox", checked: fold, id: "fold", onchange: () => { fold = foldBox.checked; app.refresh(); } });
  view.replaceChildren(
    h("div.row.filters", null, h("label", { for: "fold" }, foldBox, " fold equal subtrees"),
      h("button", { type: "button", onclick: () => all(true) }, "Open all"), h("button", { type: "button", onclick: () => all(false) }, "Close all"), sum),
    h("div.card", null, root, empty));
  root.addEventListener("keydown", keys);
  root.addEventListener("click", click);

  function all(v) {
    open.clear();
    (function walk(nodes) { for (const n of nodes || []) { open.set(key(n), v); walk(n.children); } })(last?.roots);
    draw();
  }

  const key = (n) => n.kind + n.id;
  const isOpen = (n, depth) => open.get(key(n)) ?? (depth < 4 || n.kind !== "task");

  function row(n, depth) {
    const kids = n.children?.length || n.cut;
    const opened = kids && isOpen(n, depth);
    const scope = n.kind !== "task";
    const inside = n.size - (scope ? 0 : n.count); // below it
    const line = h("div.line", { depth },
      h("span.what", null,
        h("span.twist", { "aria-hidden": "true" }, kids ? (opened ? "▾" : "▸") : "·"),
        h("span.name", { title: n.name || undefined }, scope ? `(${n.kind}${n.name ? " " + n.name : ""})` : n.name),
        n.count > 1 ? h("span.times", { title: `${n.count} equal subtrees` }, "×" + number(n.count)) : null,
        kids && !opened && inside > 0 ? h("span.quiet", null, "+" + number(inside)) : null),
      n.state ? state(n.state) : h("span"),
      h("span.num.quiet", null, n.since_us ? span(n.since_us) : ""),
      h("span.rest", null,
        n.wait ? h("span", null, n.wait) : null,
        n.cancel ? h("span.cancel", null, "asked to end: " + n.cancel) : null,
        n.detail ? h("span.quiet", null, n.detail) : null));
    const label = [scope ? n.kind + " " + n.name : n.name, n.count > 1 ? n.count + " times" : "", n.state, n.wait].filter(Boolean).join(", ");
    const item = h(scope ? "div.scope" : "div", { role: "treeitem", tabindex: "-1", "aria-level": depth + 1, "aria-expanded": kids ? String(!!opened) : undefined, "aria-label": label, "data-key": key(n), "data-id": scope ? undefined : n.id }, line);
    if (opened) {
      const group = h("div", { role: "group" });
      level(group, n.children || [], n.cut || 0, depth + 1, key(n));
      item.append(group);
    }
    return item;
  }

  function level(into, nodes, cut, depth, id) {
    const limit = wanted.get(id) || FIRST;
    for (const n of nodes.slice(0, limit)) into.append(row(n, depth));
    const hidden = Math.max(0, nodes.length - limit);
    if (hidden || cut) {
      const text = hidden ? `${number(hidden + cut)} more` : `${number(cut)} more, not read: open a task's own page`;
      into.append(h("div.more", { role: "treeitem", tabindex: "-1", "aria-level": depth + 1, "data-more": hidden ? id : undefined, "data-key": "more" + id },
        h("div.line", { depth }, h("span.what", null, h("span.twist", null, "…"), text))));
    }
  }

  function draw() {
    if (!last) return;
    const before = [...root.querySelectorAll('[role="treeitem"]')].indexOf(document.activeElement); // -1 if the focus is elsewhere
    const made = h("div");
    level(made, last.roots, last.cut || 0, 0, "top");
    morph(root, made);
    sum.textContent = `${number(last.tasks)} tasks in ${number(last.nodes)} lines${last.truncated ? "; there are more" : ""}`;
    const items = [...root.querySelectorAll('[role="treeitem"]')];
    const at = items.find((i) => i.dataset.key === focus) || items[Math.min(Math.max(before, 0), items.length - 1)];
    empty.hidden = !!at;
    if (!at) return;
    at.tabIndex = 0;
    focus = at.dataset.key;
    if (before >= 0 && document.activeElement !== at) at.focus({ preventScroll: true });
  }

  function move(item) {
    if (!item) return;
    for (const i of root.querySelectorAll('[tabindex="0"]')) i.tabIndex = -1;
    item.tabIndex = 0;
    focus = item.dataset.key;
    item.focus();
    item.firstChild.scrollIntoView({ block: "nearest" });
  }

  function toggle(item, to) {
    if (item.dataset.more) {
      wanted.set(item.dataset.more, (wanted.get(item.dataset.more) || FIRST) + 500);
    } else if (item.hasAttribute("aria-expanded")) {
      open.set(item.dataset.key, to ?? item.getAttribute("aria-expanded") !== "true");
    } else {
      return;
    }
    focus = item.dataset.key;
    draw();
    move([...root.querySelectorAll('[role="treeitem"]')].find((i) => i.dataset.key === focus));
  }

  function keys(e) {
    const item = e.target.closest?.('[role="treeitem"]');
    if (!item || e.altKey || e.ctrlKey || e.metaKey) return;
    const items = [...root.querySelectorAll('[role="treeitem"]')], i = items.indexOf(item);
    const opened = item.getAttribute("aria-expanded");
    switch (e.key) {
      case "ArrowDown": move(items[i + 1]); break;
      case "ArrowUp": move(items[i - 1]); break;
      case "Home": move(items[0]); break;
      case "End": move(items[items.length - 1]); break;
      case "ArrowRight": if (opened === "false" || item.dataset.more) toggle(item, true); else if (opened) move(items[i + 1]); break;
      case "ArrowLeft": if (opened === "true") toggle(item, false); else move(item.parentElement.closest('[role="treeitem"]')); break;
      case " ": toggle(item); break;
      case "Enter": if (item.dataset.id) location.hash = "#/task/" + item.dataset.id; else toggle(item); break;
      default: return;
    }
    e.preventDefault();
  }

  function click(e) {
    const item = e.target.closest('[role="treeitem"]');
    if (!item) return;
    if (e.target.classList.contains("twist") || item.dataset.more || !item.dataset.id) toggle(item);
    else if (e.target.classList.contains("name")) location.hash = "#/task/" + item.dataset.id;
    else move(item);
  }

  async function refresh(signal) {
    last = await get("tree", { fold: fold ? 1 : 0 }, signal);
    last.roots = spliced(last.roots);
    draw();
  }
  return { refresh };
}
