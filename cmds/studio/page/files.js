/* SPDX-License-Identifier: MIT
 *
 * All models, adapters and data of the folder, to add to and to delete from.
 */
import { text } from "./text.js";
import { ask, button, bytes, during, make, notice, number, refill, say }
    from "./dom.js";
import { call, download, part, refresh, state, watch } from "./net.js";
import { uploader } from "./upload.js";

function remove(kind, file) {
    const id = `delete-${kind}-${file.name}`;
    const pressed = button(text.remove, () => during(pressed, async () => {
        if (!await ask(text.removeFile(file.name), text.removeFileMore, text.remove))
            return;
        await call("DELETE", `/api/${kind}/${part(file.name)}`);
        await refresh();
        node.querySelector("h1").focus();
        notice(text.removed(file.name));
    }), { id, class: "quiet danger", "aria-label": text.removeLabel(file.name) });
    return pressed;
}

export function fetchButton(run, file, props) {
    const pressed = button(text.downloadWord, () => during(pressed, () => download(run, file)),
                           props);
    return pressed;
}

/* The adapter or model of a run: from which, how good, and itself. */
function ofRun(file) {
    const losses = state.runs.find(r => r.name === file.run)?.evaluation ?? [];
    return [file.kind === "adapter" && losses.length > 1 && make("span", { class: "hint" },
                text.better(number(losses[0].loss), number(losses[1].loss))),
            make("a", { href: "#run/" + part(file.run), class: "button" }, file.run),
            fetchButton(file.run, file.name, {
                "aria-label": text.download(`${file.run}/${file.name}`) })];
}

/* What a run made belongs to the run and is deleted with it. */
function item(kind, file) {
    return make("li", {}, make("span", { class: "file-name" }, file.name),
        make("span", { class: file.error ? "wrong" : "hint" }, file.error ||
            text.fileLabel(bytes(file.bytes), file.arch, file.type)),
        file.kind === "adapter" && (file.model || file.base) &&
            make("span", { class: "hint" }, text.baseOf(file.model || file.base)),
        ...file.run ? ofRun(file) : [remove(kind, file)]);
}

const lists = { model: make("ul", { class: "files" }), adapter: make("ul", { class: "files" }),
                data: make("ul", { class: "files" }) };
const show_ = (list, kind, all) => refill(list, [all, state.runs.map(r => r.evaluation)],
    () => all.length ? all.map(f => item(kind, f))
        : [make("li", { class: "hint" }, text.nothing)]);

const folder = make("p", { class: "hint" });
export const node = make("div", {}, make("h1", {}, text.heading.files), folder,
    make("section", { class: "card" }, make("h2", {}, text.modelsHead), lists.model,
        uploader("models", "more-models", () => {})),
    make("section", { class: "card" }, make("h2", {}, text.adaptersHead), lists.adapter),
    make("section", { class: "card" }, make("h2", {}, text.dataHead), lists.data,
        uploader("data", "more-data", () => {})));

watch(s => {
    say(folder, text.folder(s.dir));
    show_(lists.model, "models", s.models.filter(m => m.kind !== "adapter"));
    show_(lists.adapter, "models", s.models.filter(m => m.kind === "adapter"));
    show_(lists.data, "data", s.data);
});
