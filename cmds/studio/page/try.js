/* SPDX-License-Identifier: MIT
 *
 * A prompt through the base and through what was tuned, side by side, as the words come.
 */
import { text } from "./text.js";
import { button, bytes, complain, duration, field, make, options, say } from "./dom.js";
import { state, stream, watch } from "./net.js";

const base = make("select", { id: "base" });
const tuned = make("select", { id: "tuned", on: { change: fitBase } });
const prompt = make("textarea", { id: "prompt", rows: 3, on: { keydown: e => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        ask();
    }
} } });
const small = (id, value, mode) => make("input", { id, type: "text", value, inputmode: mode,
                                                   autocomplete: "off" });
const temp = small("temp", "0.8", "decimal");
const length = small("length", "100", "numeric");
const seed = small("seed", "42", "numeric");
let wish = "", stopper = null;

/* What is tuned may be an adapter, which needs the base, or a whole model. */
const adapterKey = m => "a:" + m.path, modelKey = m => "m:" + m.path;
const named = m => m.run ? text.fileLabel(m.run, m.name) : m.name;

function offer(s) {
    const whole = s.models.filter(m => m.kind === "model");
    const adapters = s.models.filter(m => m.kind === "adapter");
    const made = whole.filter(m => m.run);
    options(base, [...whole.length ? [] : [["", text.noModel]],
        ...whole.map(m => [m.path, text.fileLabel(named(m), m.type, bytes(m.bytes))])]);
    options(tuned, [...adapters.length || made.length ? [] : [["", text.noTuned]],
        ...[[text.group.adapter, adapters.map(m => [adapterKey(m), named(m)])],
            [text.group.run, made.map(m => [modelKey(m), named(m)])]]
            .filter(g => g[1].length).map(g => ({ label: g[0], options: g[1] }))]);
    wished();
}

/* The model that the adapter was made on, where it is known. */
function fitBase() {
    const one = state?.models.find(m => [adapterKey(m), modelKey(m)].includes(tuned.value));
    const from = one?.model ?? state?.runs.find(r => r.name === one?.run)?.model;
    if (from && [...base.options].some(o => o.value === from))
        base.value = from;
}

function wished() {
    const made = state.models.filter(m => wish && m.run === wish);
    const best = made.find(m => m.kind === "adapter") ?? made[0];
    if (best) {
        tuned.value = best.kind === "adapter" ? adapterKey(best) : modelKey(best);
        wish = "";
    }
    fitBase();
}

/* The view comes up with what this run has made. */
export function pickTuned(run) {
    wish = run;
    if (state)
        wished();
}

/* ==== answers ==== */

function column(id, heading) {
    const said = make("p", { class: "said", id: "said-" + id, "aria-live": "polite" });
    const end = make("p", { class: "hint", id: "end-" + id });
    const empty = make("p", { class: "hint" }, text.noAnswer);
    return { said, end, empty, node: make("section", { class: "card answer", "aria-labelledby":
        "answer-" + id }, make("h2", { id: "answer-" + id }, heading), said, empty, end) };
}

const columns = [column("base", text.base), column("tuned", text.tuned)];

async function answer(into, body, signal) {
    const failed = words => {
        into.end.className = "wrong";
        say(into.end, words);
    };
    into.empty.hidden = true;
    into.said.textContent = "";
    into.said.setAttribute("aria-busy", "true");
    into.end.className = "hint";
    say(into.end, text.working);
    try {
        await stream("POST", "/api/chat", body, {
            text: piece => into.said.append(JSON.parse(piece).text),
            done: all => {
                say(into.end, text.answered(duration(JSON.parse(all).seconds)));
            },
            error: all => failed(JSON.parse(all).error),
        }, signal);
        if (into.end.textContent === text.working)
            failed(text.error.lost);
    } catch (error) {
        if (error.name === "AbortError")
            say(into.end, text.cut);
        else
            failed(error.message);
    }
    into.said.removeAttribute("aria-busy");
}

const send = make("button", { id: "send", class: "main" }, text.send);
const stop = button(text.stopAnswer, () => stopper?.abort(), { id: "stop-answer", disabled: true });

async function ask() {
    if (stopper)
        return;
    const common = { prompt: prompt.value, temp: Number(temp.value), n: Number(length.value),
                     seed: Number(seed.value) };
    const [kind, path] = [tuned.value.slice(0, 1), tuned.value.slice(2)];
    const other = kind === "a" ? { model: base.value, adapter: path }
                               : { model: path, adapter: null };
    if (!base.value)
        return complain(text.noModel);
    stopper = new AbortController();
    stop.disabled = false;
    const asked = [answer(columns[0], { model: base.value, adapter: null, ...common },
                          stopper.signal)];
    if (tuned.value)
        asked.push(answer(columns[1], { ...other, ...common }, stopper.signal));
    await Promise.all(asked);
    stopper = null;
    if (document.activeElement === stop)
        prompt.focus();
    stop.disabled = true;
}

export const node = make("div", {}, make("h1", {}, text.heading.try),
    make("form", { class: "card", on: { submit: e => { e.preventDefault(); ask(); } } },
        make("p", { class: "hint" }, text.tryHint),
        make("div", { class: "pair" }, field(text.base, base), field(text.tuned, tuned)),
        field(text.prompt, prompt, text.promptHint),
        make("details", {}, make("summary", {}, text.answerOpts),
            make("div", { class: "knobs" }, field(text.temp, temp, text.tempHint),
                 field(text.length, length), field(text.seed, seed))),
        make("div", { class: "buttons" }, send, stop)),
    make("div", { class: "pair" }, ...columns.map(c => c.node)));

watch(offer);

/* Nobody reads the answer any more. */
export const hide = () => stopper?.abort();
