// Shows the openapi.json that lies beside this page. Text goes into the page as text, never as markup.

const byId = (id) => document.getElementById(id);
let description;

/** An element with attributes and children; what is empty is left out. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Prose, with what stands between backticks as code. */
function prose(text) {
  return (text ?? "").split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

function resolve(thing) {
  if (!thing?.$ref) return thing ?? {};
  return thing.$ref.slice(2).split("/").reduce((at, part) => at?.[part], description) ?? {};
}

function nameOf(thing) {
  return thing?.$ref?.split("/").pop() ?? "";
}

/** One schema out of several that hold at once. */
function merged(thing) {
  const schema = resolve(thing);
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map(merged);
  return {
    ...schema,
    type: "object",
    properties: Object.assign({}, ...parts.map((part) => part.properties)),
    required: parts.flatMap((part) => part.required ?? []),
  };
}

function alternatives(schema) {
  return schema.oneOf ?? schema.anyOf;
}

/** A type in few words: `string (date-time)`, `PersonId or null`. */
function typeOf(thing) {
  const schema = resolve(thing);
  const named = nameOf(thing);
  if (alternatives(schema)) {
    const words = [...new Set(alternatives(schema).map(typeOf))];
    return words.join(" or ");
  }
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  const type = [schema.type ?? "anything"].flat().join(" or ");
  const format = schema.format && !schema.format.startsWith("int") ? ` (${schema.format})` : "";
  return named && type === "object" ? named : type + format;
}

/** The bounds of a value, in few words. */
function bounds(thing) {
  const schema = resolve(thing);
  const each = alternatives(schema)?.map(bounds).filter(Boolean);
  if (each) return each.join(" or ");
  const said = [];
  const range = (least, most, unit) => {
    if (least !== undefined && most !== undefined) said.push(`${least} to ${most}${unit}`);
    else if (most !== undefined) said.push(`at most ${most}${unit}`);
    else if (least) said.push(`at least ${least}${unit}`);
  };
  if (schema.enum) said.push(schema.enum.map((value) => JSON.stringify(value)).join(", "));
  range(schema.minimum, schema.maximum, "");
  range(schema.minLength, schema.maxLength, " characters");
  if (schema.pattern?.includes("[^\\s")) said.push("not only white space");
  else if (schema.pattern) said.push(`like ${schema.pattern}`);
  if (schema.default !== undefined) said.push(`${JSON.stringify(schema.default)} when absent`);
  return said.join("; ");
}

/** Rows for an object's fields, and below each the fields of what it holds. */
function fields(thing, depth = 0) {
  const schema = merged(thing);
  const options = alternatives(schema)?.filter((option) => resolve(option).type !== "null");
  if (options) {
    const tables = options.map((option) => fields(option, depth)).filter(Boolean);
    return tables.flatMap((table, place) => (place ? [element("p", {}, "or"), table] : [table]));
  }
  if (schema.type === "array") return fields(schema.items, depth);
  if (!schema.properties || depth > 3) return null;
  const rows = Object.entries(schema.properties).map(([name, property]) => {
    const needed = schema.required?.includes(name);
    return field(name, needed, property, resolve(property).description, fields(property, depth + 1));
  });
  return element("table", { class: "fields" }, element("tbody", {}, rows));
}

function field(name, needed, schema, about, below) {
  const limits = bounds(schema);
  return element("tr", {},
    element("td", {}, element("code", {}, name), needed ? element("div", { class: "needed" }, "required") : null),
    element("td", {},
      element("span", { class: "type" }, typeOf(schema) + (limits ? `: ${limits}` : "")),
      about ? element("span", { class: "about" }, prose(about)) : null,
      below));
}

/** A value such as the schema describes. */
function sample(thing, depth = 0) {
  const schema = merged(thing);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  const options = alternatives(schema)?.filter((option) => resolve(option).type !== "null");
  if (options?.length) return sample(options[options.length - 1], depth);
  if (schema.properties && depth < 5) {
    const shown = Object.entries(schema.properties).filter(([name]) => depth < 3 || schema.required?.includes(name));
    return Object.fromEntries(shown.map(([name, property]) => [name, sample(property, depth + 1)]));
  }
  switch ([schema.type].flat()[0]) {
    case "array": return depth < 5 ? [sample(schema.items, depth + 1)] : [];
    case "object": return {};
    case "integer": return schema.minimum ?? 1;
    case "boolean": return true;
    case "null": return null;
    default: return schema.format === "date" ? "1959-03-14" : "…";
  }
}

function shown(value) {
  return element("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function command(method, path, operation) {
  const base = new URL(description.servers[0].url, location.href).href;
  const filled = path.replace(/\{(\w+)\}/g, (whole, name) =>
    operation.parameters?.map(resolve).find((parameter) => parameter.name === name)?.example ?? whole);
  const lines = [`curl -X ${method.toUpperCase()} '${base}${filled}'`];
  if (!operation.security) lines.push(`  -H "Authorization: Bearer $TOKEN"`);
  const [kind, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (body) lines.push(`  -H 'Content-Type: ${kind}'`);
  if (body?.example) lines.push(`  -d '${JSON.stringify(body.example).replaceAll("'", "'\\''")}'`);
  else if (body) lines.push("  --data-binary @file");
  return lines.join(" \\\n");
}

function answer(status, thing) {
  const response = resolve(thing);
  const [kind, content] = Object.entries(response.content ?? {})[0] ?? [];
  const look = status < "300" ? "ok" : status < "500" ? "refused" : "fault";
  const headers = Object.keys(response.headers ?? {}).join(", ");
  return element("details", { class: "answer" },
    element("summary", {}, element("span", { class: `status ${look}` }, status), prose(response.description)),
    headers ? element("p", { class: "headers" }, `Headers: ${headers}`) : null,
    content && kind !== "application/json" ? element("p", { class: "type" }, kind) : null,
    content && kind === "application/json" ? fields(content.schema) : null,
    content && kind !== "application/octet-stream" ? shown(content.example ?? sample(content.schema)) : null);
}

function operationBody(path, method, operation) {
  const parameters = (operation.parameters ?? []).map(resolve);
  const [kind, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  return element("div", {},
    operation.description ? element("p", {}, prose(operation.description)) : null,
    parameters.length ? element("h3", {}, "Parameters") : null,
    parameters.length ? element("table", { class: "fields" }, element("tbody", {}, parameters.map((parameter) =>
      field(parameter.name, parameter.required, parameter.schema, `In the ${parameter.in}. ${parameter.description}`)))) : null,
    body ? element("h3", {}, `Body, ${kind}`) : null,
    body ? fields(body.schema) : null,
    element("h3", {}, "Example"),
    shown(command(method, path, operation)),
    element("h3", {}, "Answers"),
    Object.entries(operation.responses).map(([status, response]) => answer(status, response)));
}

function card(path, method, operation) {
  const made = element("details", { class: "operation", id: operation.operationId },
    element("summary", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("code", { class: "path" }, path),
      element("span", { class: "short" }, operation.summary)));
  // Filled when it is first opened, so that the page is there at once.
  made.addEventListener("toggle", () => {
    if (made.open && made.childElementCount === 1) made.append(operationBody(path, method, operation));
  });
  return made;
}

function build() {
  byId("title").textContent = description.info.title;
  byId("version").textContent = `Version ${description.info.version}, OpenAPI ${description.openapi}`;
  byId("about").replaceChildren(...prose(description.info.description));
  document.title = description.info.title;
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
  const entries = [];
  for (const tag of description.tags) {
    const here = operations.filter(({ operation }) => operation.tags.includes(tag.name));
    if (!here.length) continue;
    const section = element("section", {}, element("h2", {}, tag.name), element("p", {}, tag.description));
    const group = element("div", {}, element("h2", {}, tag.name));
    for (const { path, method, operation } of here) {
      const made = card(path, method, operation);
      const link = element("a", { href: `#${operation.operationId}` }, operation.operationId);
      const names = [...(operation.parameters ?? []).map((parameter) => resolve(parameter).name)];
      const bodies = Object.values(operation.requestBody?.content ?? {});
      for (const body of bodies) names.push(...Object.keys(merged(body.schema).properties ?? {}));
      const words = [method, path, operation.operationId, operation.summary, tag.name, ...names].join(" ").toLowerCase();
      entries.push({ made, link, words, groups: [section, group] });
      section.append(made);
      group.append(link);
    }
    byId("operations").append(section);
    byId("contents").append(group);
  }
  byId("search").addEventListener("input", () => search(entries));
  search(entries);
  open();
}

function search(entries) {
  const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Set();
  let found = 0;
  for (const entry of entries) {
    const fits = wanted.every((word) => entry.words.includes(word));
    entry.made.hidden = entry.link.hidden = !fits;
    if (fits) { found += 1; entry.groups.forEach((group) => groups.add(group)); }
  }
  for (const group of new Set(entries.flatMap((entry) => entry.groups))) group.hidden = !groups.has(group);
  byId("found").textContent = wanted.length ? `${found} of ${entries.length} operations` : `${entries.length} operations`;
}

/** Opens what the address names. */
function open() {
  const named = byId(location.hash.slice(1));
  if (!named?.classList.contains("operation")) return;
  named.open = true;
  named.querySelector("summary").focus({ preventScroll: true });
  named.scrollIntoView();
}

addEventListener("hashchange", open);
addEventListener("keydown", (event) => {
  if (event.target === byId("search")) {
    if (event.key === "Escape") { event.target.value = ""; event.target.dispatchEvent(new Event("input")); }
  } else if (event.key === "/" && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    byId("search").focus();
  }
});

const other = location.pathname.startsWith("/v1") ? ["/api/chatehr/docs", "gateway"] : ["/v1/docs", "upstream"];
byId("other").append("Also: ", element("a", { href: other[0] }, `the ${other[1]} surface`), " · ", element("a", { href: "openapi.json" }, "openapi.json"));
try {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  description = await response.json();
  build();
} catch (error) {
  byId("about").textContent = `The description could not be read: ${error.message}. Reload to try again.`;
}
