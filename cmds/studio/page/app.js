/* SPDX-License-Identifier: MIT
 *
 * The page of studio: four views, of which the address names one, #new #runs #run/NAME #try
 * #files.  Each view is a file: a node, and show(rest of the address) when it comes up.
 */
import { text } from "./text.js";
import { bytes, complain, make, notice, noticeNodes, say } from "./dom.js";
import { link, refresh, state, watch } from "./net.js";
import * as start from "./new.js";
import * as runs from "./runs.js";
import * as tries from "./try.js";
import * as files from "./files.js";

const views = { new: start, runs, try: tries, files };
const where = make("p", { class: "where" }, text.loading);
const main = make("main", { id: "main", tabindex: -1 });
const links = Object.keys(views).map(name =>
    make("a", { href: "#" + name, id: "to-" + name }, text.views[name]));

/* #run/NAME is a part of #runs. */
function place() {
    const [name, ...rest] = location.hash.slice(1).split("/");
    if (name === "run")
        return ["runs", decodeURIComponent(rest.join("/"))];
    return [views[name] ? name : "new", rest.map(decodeURIComponent).join("/")];
}

let shown;
function show() {
    const [name, rest] = place();
    for (const a of links)
        if (a.hash === "#" + name)
            a.setAttribute("aria-current", "page");
        else
            a.removeAttribute("aria-current");
    views[shown]?.hide?.();
    if (main.firstChild !== views[name].node)
        main.replaceChildren(views[name].node);
    views[name].show?.(rest);
    const title = main.querySelector("h1");
    document.title = `${rest || title.textContent} · ${text.title}`;
    title.tabIndex = -1;
    if (shown) {
        title.focus();
        scrollTo(0, 0);
    }
    shown = name;
}

link.lost = complain;
link.back = () => notice(text.error.back);
document.body.append(
    make("a", { class: "skip", href: "#main", on: { click: e => {
        e.preventDefault();
        main.focus();
    } } }, text.skip),
    make("header", {}, make("p", { class: "mark" }, text.title),
        make("nav", { "aria-label": text.places }, ...links), where),
    main, ...noticeNodes);
watch(s => say(where, text.where(s.dir, bytes(s.room))));
addEventListener("hashchange", show);
await refresh();
const running = state?.runs.find(r => r.state === "running");
if (!location.hash && running)
    history.replaceState(null, "", "#run/" + encodeURIComponent(running.name));
show();
