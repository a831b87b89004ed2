// The page while none was built: a list of runs, a run with its task runs and lines, a login.
// All text goes in as text: nothing that a name or a line holds is ever markup.

const page = document.getElementById("page");
const AGAIN_MS = 1000;
const LEVELS = [[40, "ERROR"], [30, "WARNING"], [20, "INFO"], [0, "DEBUG"]];
let shown = "";

function element(tag, content = [], fields = {}) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...[content].flat());
  return made;
}

async function ask(path, options) {
  const answer = await fetch(`/api/${path}`, options);
  if (answer.status === 401 && location.pathname !== "/login") {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  }
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(`${body.message} ${body.hint}`.trim());
  return body;
}

function when(time) {
  return time ? new Date(time).toLocaleString() : "";
}

function took(run) {
  if (!run.started) return "";
  const end = run.ended ? new Date(run.ended) : new Date();
  const seconds = Math.max(0, (end - new Date(run.started)) / 1000);
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function state(run) {
  return element("span", run.state.name, { className: run.state.type, title: run.state.message ?? "" });
}

function link(kind, id, text) {
  return element("a", text, { href: `/${kind}/${encodeURIComponent(id)}` });
}

function table(titles, rows) {
  const head = element("tr", titles.map((title) => element("th", title)));
  const body = rows.map((cells) => element("tr", cells.map((cell) => element("td", cell))));
  return element("table", [head, ...body]);
}

function lines(found) {
  const texts = found.map((line) => {
    const level = LEVELS.find(([least]) => line.level >= least)[1];
    const of = line.task_run_name ? ` ${line.task_run_name}` : "";
    return `${new Date(line.at).toLocaleTimeString()} ${level}${of}  ${line.message}\n`;
  });
  return element("pre", texts.length ? texts : "No lines.");
}

async function runs() {
  const { items } = await ask("flow-runs?limit=100");
  if (!items.length) {
    return [element("h1", "Flow runs"), element("p", "No flow run yet. Run a flow, and it is here.")];
  }
  const rows = items.map((run) => [
    link("flow-runs", run.id, run.name), run.flow, state(run), when(run.started ?? run.created), took(run),
  ]);
  return [element("h1", "Flow runs"), table(["Name", "Flow", "State", "Started", "Time"], rows)];
}

function heading(run, of) {
  const message = run.state.message ? [element("pre", run.state.message)] : [];
  const facts = element("p", [state(run), ` · ${when(run.started ?? run.created)} · ${took(run)}`]);
  return [element("h1", `${run.name} · ${of}`), facts, ...message];
}

async function flowRun(id) {
  const [run, tasks, log] = await Promise.all([
    ask(`flow-runs/${id}`), ask(`task-runs?flow_run=${id}&limit=200`), ask(`log-lines?flow_run=${id}&limit=1000`),
  ]);
  const rows = tasks.items.map((one) => [link("task-runs", one.id, one.name), one.task, state(one), took(one)]);
  return [
    ...heading(run, run.flow),
    element("h2", "Task runs"), rows.length ? table(["Name", "Task", "State", "Time"], rows) : "None.",
    element("h2", "Lines"), lines(log.items),
  ];
}

async function taskRun(id) {
  const [run, log] = await Promise.all([ask(`task-runs/${id}`), ask(`log-lines?task_run=${id}&limit=1000`)]);
  const up = run.flow_run ? [element("p", ["in ", link("flow-runs", run.flow_run, run.flow_run_name ?? run.flow_run)])] : [];
  return [...heading(run, run.task), ...up, element("h2", "Lines"), lines(log.items)];
}

function login() {
  const field = element("input", [], { type: "password", name: "token", required: true, autocomplete: "current-password" });
  const problem = element("p", "", { className: "FAILED" });
  const form = element("form", [element("label", ["Token ", field]), " ", element("button", "Log in")]);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const body = JSON.stringify({ token: field.value });
      await ask("login", { method: "POST", body, headers: { "Content-Type": "application/json" } });
      const next = new URLSearchParams(location.search).get("next") ?? "/";
      location.assign(/^\/(?![/\\])/.test(next) ? next : "/"); // never to another site
    } catch (error) {
      problem.textContent = error.message;
    }
  });
  return [element("h1", "Log in"), form, problem, element("p", "Make one: flowstone token create --scope read", { className: "quiet" })];
}

async function draw() {
  const [, kind, id] = location.pathname.split("/");
  if (kind === "login") return login();
  if (kind === "flow-runs" && id) return flowRun(id);
  if (kind === "task-runs" && id) return taskRun(id);
  return runs();
}

async function again() {
  try {
    const made = element("div", await draw());
    if (made.innerHTML !== shown) {
      shown = made.innerHTML; // what is the same is left alone, so that text can be marked
      page.replaceChildren(made);
    }
    document.getElementById("about").textContent = "";
  } catch (error) {
    document.getElementById("about").textContent = error.message;
  }
  if (!location.pathname.startsWith("/login")) setTimeout(again, AGAIN_MS);
}

again();
