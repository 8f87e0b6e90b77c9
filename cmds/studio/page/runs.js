/* SPDX-License-Identifier: MIT
 *
 * The list of runs; one of them is run.js.
 */
import { text } from "./text.js";
import { badge, make, number, refill } from "./dom.js";
import { part, watch } from "./net.js";
import * as one from "./run.js";

const list = make("ul", { class: "runs" });
const all = make("div", {}, make("h1", {}, text.heading.runs), list);

export const node = make("div", {}, all);

function item(run) {
    const losses = run.evaluation ?? [];
    const numbers = losses.length > 1
        ? text.better(number(losses[0].loss), number(losses[1].loss))
        : run.step ? `${text.stat.step} ${text.of(run.step, run.steps)}` : "";
    return make("li", {},
        make("a", { href: "#run/" + part(run.name), id: "run-" + part(run.name) }, run.name),
        badge(run.state),
        make("span", { class: "hint" }, [run.model && run.data &&
            text.runOf(run.model, run.data), numbers].filter(Boolean).join(" · ")),
        run.state === "running" && run.steps
            ? make("progress", { max: run.steps, value: run.step ?? 0,
                                 "aria-label": text.progressLabel }) : null);
}

watch(s => refill(list, s.runs, () => s.runs.length ? s.runs.map(item)
    : [make("li", {}, make("p", {}, text.noRuns),
        make("a", { href: "#new", class: "button main" }, text.firstRun))]));

export function show(name) {
    one.hide();
    node.replaceChildren(name ? one.node : all);
    if (name)
        one.show(name);
}

export const hide = one.hide;
