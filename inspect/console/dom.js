// Elements and words.

// h makes an element: h("a.quiet", {href: "#"}, "text", otherElement).
export function h(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const el = document.createElement(tag || "div");
  if (classes.length) el.className = classes.join(" ");
  return fill(el, props, children);
}

// s is h for SVG.
export function s(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  if (classes.length) el.setAttribute("class", classes.join(" "));
  return fill(el, props, children);
}

function fill(el, props, children) {
  for (const [k, v] of Object.entries(props || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith("on")) el[k] = v;
    else if (k === "depth") el.style.setProperty("--depth", v);
    else el.setAttribute(k, v === true ? "" : v);
  }
  el.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
  return el;
}

// morph makes what is in old like what is in made. What is there already stays the same element, so that the focus, a selection
// and what is scrolled stay where they are. Elements with a data-key are known by it, others by their place.
export function morph(old, made) {
  const wanted = new Set([...made.children].map((c) => c.dataset.key));
  const keyed = new Map();
  for (const c of [...old.children]) {
    if (!c.dataset.key) continue;
    if (wanted.has(c.dataset.key)) keyed.set(c.dataset.key, c);
    else c.remove();
  }
  let at = old.firstChild;
  for (const m of [...made.childNodes]) {
    const key = m.dataset?.key;
    const o = key ? keyed.get(key) : at?.dataset?.key ? null : at;
    if (!o || o.nodeName !== m.nodeName) {
      old.insertBefore(m, at);
      continue;
    }
    if (o === at) at = at.nextSibling;
    else old.insertBefore(o, at);
    if (o.nodeType === Node.TEXT_NODE) {
      if (o.data !== m.data) o.data = m.data;
      continue;
    }
    for (const { name } of [...o.attributes]) if (!m.hasAttribute(name)) o.removeAttribute(name);
    for (const { name, value } of m.attributes) {
      if (o.getAttribute(name) === value) continue;
      if (name === "style") o.style.cssText = value; // the policy of the page lets nobody set the attribute
      else o.setAttribute(name, value);
    }
    for (const on of ["onclick", "onkeydown"]) if (o[on] !== m[on]) o[on] = m[on];
    morph(o, m);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// span says how long something has lasted.
export function span(us) {
  if (us === undefined || us === null || us < 0) return "";
  if (us < 1000) return us + " µs";
  if (us < 1e6) return (us / 1e3).toFixed(us < 1e4 ? 1 : 0) + " ms";
  const sec = us / 1e6;
  if (sec < 60) return sec.toFixed(1) + " s";
  if (sec < 3600) return Math.floor(sec / 60) + " min " + Math.floor(sec % 60) + " s";
  if (sec < 86400) return Math.floor(sec / 3600) + " h " + Math.floor((sec % 3600) / 60) + " min";
  return Math.floor(sec / 86400) + " d " + Math.floor((sec % 86400) / 3600) + " h";
}

// since is the span from one time to another, in words.
export function since(from, to) {
  return from ? span((Date.parse(to) - Date.parse(from)) * 1000) : "";
}

// cut is text with no more than n characters, and … for the others.
export function cut(text, n = 160) {
  if (text.length <= n) return text;
  const list = [...text]; // characters, of which some are two of a string's units
  return list.length <= n ? text : list.slice(0, n - 1).join("") + "…";
}

export function number(n) {
  return Number(n).toLocaleString("en");
}

export function state(name) {
  return h("span.state." + name, null, name);
}

export function taskLink(id, text) {
  return h("a", { href: "#/task/" + id }, text || "task " + id);
}

// cancelText says why something was asked to end.
export function cancelText(c, taken) {
  if (!c) return "";
  const how = { call: "by a call", deadline: "by its deadline", context: "by a context from outside", failure: "by a failure", parent: "with what is above it" }[c.kind] || "";
  return ["asked to end", c.at ? since(c.at, taken) + " ago" : "", how, c.by ? "of " + c.by : "", c.cause ? "– " + c.cause : ""].filter(Boolean).join(" ");
}
