/* SPDX-License-Identifier: MIT
 *
 * One run: how far it is, its curves, its evaluation and samples, its files, and what can be
 * done with it.  All that is seen here comes as server-sent events, from the run's beginning
 * each time that the line is made anew.
 */
import { text } from "./text.js";
import { ask, badge, button, bytes, duration, during, field, fill, make, notice, number,
         options, say, speak } from "./dom.js";
import { call, follow, part, refresh, state } from "./net.js";
import { curve } from "./curve.js";
import { fetchButton } from "./files.js";
import { pickTuned } from "./try.js";

/* The type of a merged model: quantising it is no second rounding. */
const WHOLE = "F16";

let run, source, rows, logLines, sampleFiles, due = 0, spoken = 0;
const api = (rest = "") => `/api/runs/${part(run.name)}${rest}`;

/* ==== how far it is ==== */

const title = make("h1");
const about = make("p", { class: "hint" });
const trouble = make("p", { class: "wrong", role: "alert" });
const bar = make("progress", { "aria-label": text.progressLabel });
const tiles = {};
const tileBox = make("dl", { class: "tiles" }, ...Object.entries(text.stat).map(([id, label]) => {
    tiles[id] = make("dd", { id: "stat-" + id }, "–");
    return make("div", {}, make("dt", {}, label), tiles[id]);
}));

const stop = button(text.stop, () => act(stop, "/stop", text.stopping), { id: "stop" });
const goOn = button(text.goOn, () => act(goOn, "/continue", text.goingOn),
                    { id: "continue", class: "main" });
const tryIt = button(text.tryIt, () => {
    pickTuned(run.name);
    location.hash = "try";
}, { id: "try-run", class: "main" });

function act(pressed, path, words, body) {
    return during(pressed, async () => {
        await call("POST", api(path), body);
        notice(words);
        await refresh();
    });
}

/* Seconds that are left, from the pace of the last steps. */
function left(points, steps) {
    const some = points.slice(-30), [a, b] = [some[0], some.at(-1)];
    return some.length > 1 && b.step > a.step && b.seconds > a.seconds
        ? (steps - b.step) * (b.seconds - a.seconds) / (b.step - a.step) : NaN;
}

function numbers() {
    const points = [...rows.values()], now = points.at(-1);
    const step = now?.step ?? run.step ?? 0, steps = now?.total_steps ?? run.steps ?? 0;
    const val = points.findLast(p => Number.isFinite(p.val_loss))?.val_loss ?? run.val_loss;
    const going = run.state === "running";
    const rest = run.left ?? left(points, steps);
    say(tiles.step, text.of(step, steps));
    say(tiles.loss, number(now?.loss ?? run.loss ?? NaN));
    say(tiles.val, number(val ?? NaN));
    say(tiles.lr, number(now?.lr ?? NaN));
    say(tiles.memory, now?.rss_bytes ? bytes(now.rss_bytes) : "–");
    say(tiles.speed, now?.tokens_per_s ? number(Math.round(now.tokens_per_s)) : "–");
    say(tiles.left, going && Number.isFinite(rest) ? duration(rest) : "–");
    tiles.left.parentNode.hidden = !going;
    say(tiles.took, now?.seconds ? duration(now.seconds) : "–");
    bar.hidden = !steps;
    bar.max = steps || 1;
    bar.value = step;
    /* Spoken each tenth, not each step. */
    const tenth = steps ? Math.floor(step / steps * 10) : 0;
    if (going && tenth !== spoken) {
        spoken = tenth;
        speak(text.progress(run.name, step, steps, Number.isFinite(rest) && duration(rest)));
    }
}

/* ==== curves ==== */

const loss = curve({ id: "curve-loss", label: text.curve.loss, height: 260, lines: [
    { name: text.curve.loss, kind: "train" }, { name: text.curve.val, kind: "val" }] });
const rate = curve({ id: "curve-lr", label: text.curve.lr, zero: true,
                     lines: [{ name: text.curve.lr, kind: "train" }] });
const memory = curve({ id: "curve-memory", label: text.curve.memory, shown: bytes, zero: true,
                       lines: [{ name: text.curve.memory, kind: "train" }] });

function curves() {
    const points = [...rows.values()];
    const of = key => points.filter(p => Number.isFinite(p[key])).map(p => [p.step, p[key]]);
    const end = points.at(-1)?.total_steps || run.steps || points.at(-1)?.step || 1;
    loss.draws([of("loss"), of("val_loss")], end);
    rate.draws([of("lr")], end);
    memory.draws([of("rss_bytes")], end);
}

/* Rows come by the hundred; all that came in a moment is drawn at once. */
function later() {
    due ||= setTimeout(() => {
        due = 0;
        if (source) {
            numbers();
            curves();
        }
    }, 120);
}

/* ==== evaluation, samples, console ==== */

const evalBox = make("div");
function evaluation(list) {
    fill(evalBox, list.length > 0 && make("section", { class: "card" },
        make("h2", {}, text.evaluation), make("p", { class: "hint" }, text.evalHint),
        make("table", { id: "evaluation" },
            make("thead", {}, make("tr", {}, ...text.evalHead.map(h =>
                make("th", { scope: "col" }, h)))),
            make("tbody", {}, ...list.map(e => make("tr", {}, make("th", { scope: "row" }, e.model),
                make("td", {}, number(e.loss)), make("td", {}, number(e.perplexity))))))));
}

const samples = make("div", { id: "samples", class: "samples", "aria-live": "polite" });

/* samples.txt has a line ==> MODEL <== in front of each text, all texts of one model and then
 * those of the next: the first of each stand side by side. */
function showSamples() {
    const newest = sampleFiles.get("samples.txt") || [...sampleFiles.values()].at(-1) || "";
    const parts = newest.split(/^==> (.*) <==\n/m).slice(1);
    const said = new Map();
    for (let i = 0; i + 1 < parts.length; i += 2)
        said.set(parts[i], [...said.get(parts[i]) ?? [], parts[i + 1].trim()]);
    const models = [...said.keys()], blocks = [];
    for (let i = 0; i < Math.max(0, ...models.map(m => said.get(m).length)); i++)
        blocks.push(make("div", { class: "pair sample" }, ...models.map(m =>
            make("div", {}, make("h3", {}, m),
                 make("p", { class: "said" }, said.get(m)[i] ?? "")))));
    if (!blocks.length && newest)
        blocks.push(make("p", { class: "said" }, newest));
    fill(samples, ...blocks.length ? blocks : [make("p", { class: "hint" }, text.noSamples)]);
}

const log = make("pre", { class: "log", tabindex: 0, "aria-label": text.log, id: "log" });
const knobList = make("dl", { class: "knob-list" });

/* ==== files ==== */

const fileList = make("ul", { class: "files", id: "run-files" });
const otherList = make("ul", { class: "files" });
const others = make("details", { id: "other-files" },
    make("summary", {}, text.otherFiles), otherList);
/* What one takes along; the rest is how it came to be. */
const isMain = f => /\.gguf$|^report\.html$|^Modelfile$/.test(f.name);
const baseLine = make("p", { class: "hint" });
const type = make("select", { id: "type", "aria-label": text.type });
const merge = button(text.merge, () => convert(merge, "merge", WHOLE), { id: "merge" });
const quantize = button(text.quantize, () => convert(quantize, "quantize", type.value),
                        { id: "quantize" });
/* Whose model is not known may be told it: a run from a shell. */
const ofBase = make("select", { id: "of-base" });
const ofBaseField = field(text.base, ofBase);
const job = make("p", { class: "hint", role: "status", id: "job" });

const convert = (pressed, what, to) => act(pressed, "/" + what, text.jobs[what](to),
    run.model ? { type: to } : { type: to, model: ofBase.value });

const fileItem = f => make("li", {}, make("span", { class: "file-name" }, f.name),
    make("span", { class: "hint" }, bytes(f.bytes)),
    fetchButton(run.name, f.name, { id: "get-" + f.name,
                                    "aria-label": text.download(f.name) }));

function files() {
    const rest = run.files.filter(f => !isMain(f));
    fill(fileList, ...run.files.filter(isMain).map(fileItem));
    fill(otherList, ...rest.map(fileItem));
    others.hidden = !rest.length;
    say(baseLine, run.model ? text.baseOf(run.model) : "");
    baseLine.hidden = !run.model;
    const fresh = !type.value;
    options(type, (state?.types ?? []).filter(t => !/^B?F(16|32)$/.test(t)).map(t => [t, t]));
    if (fresh)
        type.value = "Q8_0";
    options(ofBase, (state?.models ?? []).filter(m => m.kind === "model")
        .map(m => [m.path, m.name]));
    ofBaseField.hidden = Boolean(run.model);
    const [what, to] = (run.job ?? "").split(" ");
    say(job, run.job ? text.jobs[what]?.(to) ?? run.job : run.job_error ?? "");
    job.className = run.job_error && !run.job ? "wrong" : "hint";
    merge.disabled = quantize.disabled = Boolean(run.job) || run.state === "running";
}

/* ==== name and removal ==== */

const newName = make("input", { id: "new-name", type: "text", autocomplete: "off",
                                spellcheck: "false", maxlength: 100 });
const renameButton = make("button", { id: "rename" }, text.rename);
const renameForm = make("form", { class: "line", on: { submit: e => {
    e.preventDefault();
    during(renameButton, async () => {
        const got = await call("POST", api("/rename"), { to: newName.value });
        await refresh();
        location.hash = "run/" + part(got.name);
        notice(text.renamed(got.name));
    });
} } }, make("div", { class: "field" }, make("label", { for: "new-name" }, text.name), newName),
    renameButton);
const remove = button(text.remove, () => during(remove, async () => {
    if (!await ask(text.removeRun(run.name), text.removeRunMore, text.remove))
        return;
    const name = run.name;
    await call("DELETE", api());
    hide();
    await refresh();
    location.hash = "runs";
    notice(text.removed(name));
}), { id: "delete", class: "danger" });

/* ==== the view ==== */

const card = (heading, ...rest) =>
    make("section", { class: "card" }, make("h2", {}, heading), ...rest);

export const node = make("div", {},
    make("p", { class: "back" }, make("a", { href: "#runs" }, "‹ " + text.allRuns)),
    make("div", { class: "title" }, title, make("div", { class: "buttons" }, stop, goOn, tryIt)),
    about, trouble,
    card(text.now, bar, tileBox),
    card(text.curves, loss.node, make("div", { class: "pair" }, rate.node, memory.node)),
    evalBox,
    card(text.samples, make("p", { class: "hint" }, text.samplesHint), samples),
    card(text.files, baseLine, fileList, others, make("h3", {}, text.makeModel),
        make("p", { class: "hint" }, text.makeHint),
        ofBaseField, make("div", { class: "buttons" }, merge, type, quantize), job),
    make("details", { class: "card" }, make("summary", {}, text.log), log),
    make("details", { class: "card" }, make("summary", {}, text.settingsOf), knobList),
    card(text.manage, renameForm, remove));

/* What the server says of the run. */
function told(got) {
    const before = run.state;
    run = got;
    fill(title, run.name, " ", badge(run.state));
    say(about, run.model && run.data ? text.runOf(run.model, run.data) : "");
    say(trouble, run.error ?? "");
    stop.hidden = run.state !== "running";
    goOn.hidden = run.state !== "stopped" && run.state !== "failed";
    tryIt.hidden = !run.files.some(f => /\.gguf$/.test(f.name));
    remove.disabled = renameButton.disabled = run.state === "running";
    const set = Object.entries(run.knobs ?? {}).filter(([, v]) => v !== "");
    fill(knobList, ...set.map(([k, v]) => make("div", {}, make("dt", {}, text.knob[k]?.[0] ?? k),
                                               make("dd", {}, String(v)))));
    files();
    later();
    if (before === "running" && run.state !== "running") {
        notice(text.ended(run.name, text.state[run.state]), run.state === "failed");
        refresh();
    }
}

function listen() {
    const on = {}, each = (name, does) => { on[name] = data => does(JSON.parse(data)); };
    const anew = () => {
        rows = new Map();
        logLines = [];
        sampleFiles = new Map();
        later();
    };
    anew();
    on.open = anew;
    each("restart", () => { rows = new Map(); later(); });
    each("metrics", row => { rows.set(row.step, row); later(); });
    each("log", ({ line }) => {
        logLines.push(line);
        logLines.splice(0, logLines.length - 500);
        const down = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
        log.textContent = logLines.join("\n");
        if (down)
            log.scrollTop = log.scrollHeight;
    });
    each("sample", s => {
        sampleFiles.set(s.file, (s.begin ? "" : sampleFiles.get(s.file) ?? "") + s.text);
        showSamples();
    });
    each("state", told);
    each("eval", evaluation);
    return follow(api("/events"), on);
}

export function show(name) {
    const known = state?.runs.find(r => r.name === name);
    fill(title, name);
    run = known ?? { name, state: "", files: [], knobs: {} };
    spoken = 0;
    newName.value = name;
    evaluation(run.evaluation ?? []);
    rows = new Map();
    sampleFiles = new Map();
    showSamples();
    told(run);
    numbers();
    curves();
    if (state && !known)
        say(trouble, text.noRun(name));
    else
        source = listen();
}

export function hide() {
    source?.close();
    source = null;
}
