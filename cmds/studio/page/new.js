/* SPDX-License-Identifier: MIT
 *
 * A new run: model and data, what the model will see of them, settings, plan, start.
 */
import { text } from "./text.js";
import { button, bytes, duration, during, field, fill, make, notice, options, say } from "./dom.js";
import { call, part, refresh, state, watch } from "./net.js";
import { uploader } from "./upload.js";

/* The first are always seen. */
const FIRST = ["METHOD", "RANK", "ALPHA", "EPOCHS", "LR", "STEPS", "BATCH", "GRAD_ACC", "CTX"];
const MORE = ["OBJECTIVE", "TRAIN_ON", "SCHED", "OPT", "WARMUP", "VAL_SPLIT",
              "EVAL_EVERY", "PRECISION", "SEED", "OUTPUTS"];
const WORDS = ["OUTPUTS"];

/* ==== 1: model and data ==== */

const model = make("select", { id: "model", on: { change: chosen } });
const data = make("select", { id: "data", on: { change: chosen } });
const lookTable = make("table", { class: "stats", "aria-label": text.lookTable });
const lookRows = make("div", { class: "rows" });
const look = make("div", { class: "look", "aria-live": "polite" });
const pick = (kind, path) => {
    const select = kind === "models" ? model : data;
    if ([...select.options].some(o => o.value === path))
        select.value = path;
    chosen();
};

const fileOption = f =>
    [f.path, text.fileLabel(f.name, f.arch, f.type, bytes(f.bytes))];
const first = none => [["", none]];

function offer(s) {
    const models = s.models.filter(m => m.kind === "model");
    const own = models.filter(m => !m.run), made = models.filter(m => m.run);
    const groups = [[text.group.model, own.map(fileOption)],
        [text.group.run, made.map(m => [m.path, text.fileLabel(`${m.run}/${m.name}`, m.type)])]];
    options(model, [...first(models.length ? text.choose : text.noModel),
        ...groups.filter(g => g[1].length).map(g => ({ label: g[0], options: g[1] }))]);
    options(data, [...first(s.data.length ? text.choose : text.noData),
        ...s.data.map(fileOption)]);
    if (!model.value && own.length === 1)
        model.value = own[0].path;
    if (!data.value && s.data.length === 1)
        data.value = s.data[0].path;
    chosen();
}

/* Neighbouring tokens of a plain text differ a little, so that one sees where they end. */
function row(pieces, index, all) {
    const tokens = all.length === 1 && pieces.every(p => p.role === pieces[0].role);
    return make("p", { class: tokens ? "row tokens" : "row" },
        all.length > 1 && make("span", { class: "row-name" }, text.row(index + 1)),
        ...pieces.map(p => make("span", { class: "role-" + p.role }, p.text)));
}

/* A line of the table: words, indented or not, then numbers. */
function tableRow(line) {
    const cells = line.trim().split(/ {2,}/);
    const first = cells.findIndex((c, i) => i && /^[0-9]/.test(c));
    const n = first < 0 ? cells.length : first;
    return make("tr", {}, make("th", { scope: "row", class: line[0] === " " && "part" },
                               cells.slice(0, n).join(", ")),
                ...cells.slice(n).map(c => make("td", {}, c)));
}

let looked = "", looking = 0;
async function lookAgain() {
    const asked = model.value && data.value ? `model=${part(model.value)}&data=${part(data.value)}`
                                            : "";
    if (asked === looked)
        return;
    looked = asked;
    const turn = ++looking;
    fill(look, make("p", { class: "hint" }, asked ? text.working : text.lookHint));
    if (!asked)
        return;
    try {
        const got = await call("GET", "/api/rows?" + asked);
        if (turn !== looking)
            return;
        fill(lookTable, ...got.table.trimEnd().split("\n").map(tableRow));
        const roles = new Set(got.rows.flat().map(p => p.role));
        fill(lookRows, make("p", { class: "legend" }, ...Object.entries(text.legend)
            .filter(([role]) => roles.has(role))
            .map(([role, words]) => make("span", { class: "role-" + role }, words))),
            ...got.rows.map(row));
        fill(look, make("h4", {}, text.lookRows), lookRows,
            got.table && make("h4", {}, text.lookTable), got.table && lookTable);
    } catch (error) {
        if (turn === looking)
            fill(look, make("p", { class: "wrong" }, error.message));
    }
}

/* ==== 2: settings ==== */

const knobs = {};

function knob(name) {
    const [label, hint, choices] = text.knob[name];
    const props = { id: "knob-" + name, on: { input: changed } };
    const node = choices
        ? make("select", props, ...Object.entries(choices).map(([v, l]) =>
            make("option", { value: v }, l)))
        : make("input", { ...props, type: "text", autocomplete: "off", spellcheck: "false",
                          inputmode: WORDS.includes(name) ? "text" : "decimal" });
    knobs[name] = node;
    return field(label, node, hint);
}

const isNumber = value => /^[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?$/i.test(value);

/* What was set, or a complaint at the first field that is wrong. */
function settings() {
    const set = {};
    for (const [name, node] of Object.entries(knobs)) {
        const value = node.value.trim();
        const wrong = value && node.localName === "input" && !WORDS.includes(name) &&
            !isNumber(value);
        node.toggleAttribute("aria-invalid", wrong);
        if (wrong) {
            node.setAttribute("aria-invalid", "true");
            node.closest("details")?.setAttribute("open", "");
            node.focus();
            throw new Error(text.wrongField(text.knob[name][0]));
        }
        if (value)
            set[name] = value;
    }
    return set;
}

/* ==== 3: plan and start ==== */

const name = make("input", { id: "run-name", type: "text", autocomplete: "off",
    spellcheck: "false", maxlength: 100, on: { input: () => { ownName = true; named(); } } });
const taken = make("p", { class: "hint", "aria-live": "polite" });
const planText = make("div", { class: "plan", "aria-live": "polite" },
    make("p", { class: "hint" }, text.planHint));
const planButton = button(text.plan, plan, { id: "plan" });
const startButton = button(text.start, begin, { id: "start", class: "main" });
let ownName = false, planned = "";

const stem = path => path.replace(/.*\//, "").replace(/\.[^.]*$/, "")
    .replace(/[^A-Za-z0-9._+,@-]/g, "_").replace(/^[.-]+/, "");

function freeName() {
    if (!model.value || !data.value)
        return "";
    const base = `${stem(model.value)}-${stem(data.value)}`.slice(0, 90);
    let free = base;
    for (let i = 2; state.runs.some(r => r.name === free); i++)
        free = `${base}-${i}`;
    return free;
}

function named() {
    const there = state?.runs.some(r => r.name === name.value);
    say(taken, there ? text.nameTaken(name.value) : "");
    changed();
}

function wanted() {
    if (!model.value || !data.value) {
        (model.value ? data : model).focus();
        throw new Error(text.needBoth);
    }
    const knobsSet = settings();
    if (!name.value) {
        name.focus();
        throw new Error(text.nameEmpty);
    }
    return { model: model.value, data: data.value, name: name.value, knobs: knobsSet };
}

function chosen() {
    if (!ownName)
        name.value = freeName();
    named();
    lookAgain();
}

function changed() {
    if (!planned)
        return;
    try {
        planText.classList.toggle("old", planned !== JSON.stringify(wanted()));
    } catch {
        planText.classList.add("old");
    }
}

/* What it takes, from the planned numbers; then what the workflow says beside that. */
function planLines({ text: said, plan: p }) {
    const known = Number.isFinite(p.total) && Number.isFinite(p.steps);
    const lines = said.trim().split("\n")
        .filter(l => !known || !/^training: |^plan: .* lacks | of memory/.test(l));
    return [known && make("li", { class: "takes" }, text.planSays(bytes(p.total), p.steps,
                duration(p.steps * p.step_time))),
            ...lines.map(l => make("li", {}, l.replace(/^[a-z]+: /, "")))].filter(Boolean);
}

function plan() {
    return during(planButton, async () => {
        const body = wanted();
        planned = JSON.stringify(body);
        planText.classList.remove("old");
        fill(planText, make("p", { class: "hint" }, text.planning));
        try {
            const got = await call("POST", "/api/plan", body);
            fill(planText, make("ul", {}, ...planLines(got)),
                make("p", { class: "hint when-old" }, text.planOld));
        } catch (error) {
            fill(planText, make("p", { class: "wrong" }, error.message));
        }
    });
}

function begin() {
    return during(startButton, async () => {
        const body = wanted();
        const made = await call("POST", "/api/runs", body);
        ownName = false;
        await refresh();
        location.hash = "run/" + part(made.name);
        notice(text.started(made.name));
    });
}

/* ==== the view ==== */

const step = (n, title, ...rest) => make("section", { class: "card", "aria-labelledby": "s" + n },
    make("h2", { id: "s" + n }, make("span", { class: "step", "aria-hidden": "true" }, String(n)),
        title), ...rest);

export const node = make("div", {}, make("h1", {}, text.heading.new),
    step(1, text.step1,
        make("div", { class: "pair" },
            make("div", {}, field(text.model, model, text.modelHint),
                uploader("models", "models", pick)),
            make("div", {}, field(text.data, data, text.dataHint), uploader("data", "data", pick))),
        make("h3", {}, text.look), look),
    step(2, text.step2, make("p", { class: "hint" }, text.settingsHint),
        make("div", { class: "knobs" }, ...FIRST.map(knob)),
        make("details", { id: "more" }, make("summary", {}, text.more),
            make("div", { class: "knobs" }, ...MORE.map(knob)))),
    step(3, text.step3, field(text.name, name, text.nameHint), taken, planText,
        make("div", { class: "buttons" }, planButton, startButton)));

watch(offer);
