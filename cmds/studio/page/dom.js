/* SPDX-License-Identifier: MIT
 *
 * Making and changing elements.  What users wrote gets into the page as text and in no other
 * way: there is no innerHTML anywhere.
 */
import { text } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

function set(node, props) {
    for (const [key, value] of Object.entries(props))
        if (key === "on")
            for (const [event, does] of Object.entries(value))
                node.addEventListener(event, does);
        else if (value === true)
            node.setAttribute(key, "");
        else if (value !== false && value !== undefined && value !== null)
            node.setAttribute(key, value);
    return node;
}

/* An element; props are attributes, and `on` its listeners; children are nodes or texts. */
export function make(tag, props = {}, ...children) {
    const node = set(document.createElement(tag), props);
    node.append(...children.filter(c => c !== null && c !== undefined && c !== false));
    return node;
}

export function draw(tag, props = {}, ...children) {
    const node = set(document.createElementNS(SVG, tag), props);
    node.append(...children);
    return node;
}

export function button(label, does, props = {}) {
    return make("button", { type: "button", on: { click: does }, ...props }, label);
}

/* New children for a node.  Who had the focus by an id keeps it. */
export function fill(node, ...children) {
    const held = node.contains(document.activeElement) ? document.activeElement.id : "";
    node.replaceChildren(...children.filter(c => c !== null && c !== undefined && c !== false));
    if (held)
        document.getElementById(held)?.focus();
}

/* The same for a list that is told again and again: left alone while `of` is the same, so that
 * who is in it stays there. */
export function refill(node, of, children) {
    const key = JSON.stringify(of);
    if (node.filledWith !== key)
        fill(node, ...children());
    node.filledWith = key;
}

/* The text of a node, changed only if it is another: live regions speak each change. */
export function say(node, words) {
    if (node.textContent !== words)
        node.textContent = words;
}

/* The state of a run as a word. */
export const badge = state =>
    make("span", { class: "badge " + state }, text.state[state] ?? state);

/* A field with its label and a line of help; the field has an id. */
export function field(label, node, hint) {
    const help = hint ? make("p", { class: "hint", id: node.id + "-hint" }, hint) : null;
    if (help)
        node.setAttribute("aria-describedby", help.id);
    return make("div", { class: "field" }, make("label", { for: node.id }, label), node, help);
}

/* Options for a select, [value, label] or {label, options}.  It is left alone while they are
 * the same, so that an open list does not close; the choice stays if it is still there. */
export function options(select, list) {
    const key = JSON.stringify(list);
    if (select.offered === key)
        return;
    const held = select.value;
    const option = ([value, label]) => make("option", { value }, label);
    select.offered = key;
    select.replaceChildren(...list.map(o => Array.isArray(o) ? option(o)
        : make("optgroup", { label: o.label }, ...o.options.map(option))));
    if ([...select.options].some(o => o.value === held))
        select.value = held;
}

/* ==== what is said at the foot of the page ==== */

const line = make("span");
const noticeBox = make("div", { class: "notice", hidden: true }, line,
    button(text.close, () => { noticeBox.hidden = true; }, { class: "quiet" }));
/* Two regions are there from the start, else the first words would not be spoken. */
const polite = make("div", { class: "spoken", role: "status" });
const urgent = make("div", { class: "spoken", role: "alert" });
let fade;

export const noticeNodes = [noticeBox, polite, urgent];

export function notice(words, isError = false) {
    line.textContent = words;
    noticeBox.className = isError ? "notice wrong" : "notice";
    noticeBox.hidden = false;
    say(isError ? urgent : polite, words);
    clearTimeout(fade);
    if (!isError)
        fade = setTimeout(() => {
            noticeBox.hidden = !noticeBox.contains(document.activeElement);
        }, 6000);
}

export const speak = words => say(polite, words);
export const complain = error => notice(error.message ?? String(error), true);

/* Runs `does` with the button off meanwhile; what goes wrong is told. */
export async function during(pressed, does) {
    const had = document.activeElement === pressed;
    pressed.disabled = true;
    try {
        return await does();
    } catch (error) {
        complain(error);
    } finally {
        pressed.disabled = false;
        if (had && pressed.isConnected && document.activeElement === document.body)
            pressed.focus();
    }
}

/* Asks once; true for yes.  Escape and the first button say no. */
export function ask(question, more, yes) {
    return new Promise(answer => {
        const box = make("dialog", { "aria-labelledby": "ask-title" },
            make("h2", { id: "ask-title" }, question), make("p", {}, more),
            make("form", { method: "dialog", class: "buttons" },
                make("button", { value: "" , id: "ask-no" }, text.cancel),
                make("button", { value: "yes", id: "ask-yes", class: "danger" }, yes)));
        box.addEventListener("close", () => {
            box.remove();
            answer(box.returnValue === "yes");
        });
        document.body.append(box);
        box.showModal();
    });
}

/* ==== numbers ==== */

export function bytes(n) {
    let unit = 0;
    for (; n >= 999.5 && unit < text.unit.bytes.length - 1; unit++)
        n /= 1000;
    return `${n < 9.95 && unit ? n.toFixed(1) : Math.round(n)} ${text.unit.bytes[unit]}`;
}

export function duration(seconds) {
    const s = Math.round(seconds), m = Math.floor(s / 60), h = Math.floor(m / 60);
    if (h)
        return text.unit.hours(h, m % 60);
    return m ? text.unit.minutes(m, s % 60)
             : text.unit.seconds(seconds < 9.95 ? seconds.toFixed(1) : s);
}

export function number(n) {
    if (!Number.isFinite(n))
        return "–";
    const size = Math.abs(n);
    return size && (size < 0.01 || size >= 1e6)
        ? n.toExponential(2).replace(/\.?0+e/, "e") : String(+n.toPrecision(4));
}
