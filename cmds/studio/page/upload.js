/* SPDX-License-Identifier: MIT
 *
 * Uploading by a button or by dropping files, one after the other, with progress.
 */
import { text } from "./text.js";
import { ask, button, bytes, complain, make, notice } from "./dom.js";
import { refresh, state, upload } from "./net.js";

const kindOf = (file, kind) => /\.gguf$/i.test(file.name) ? "models"
    : kind === "models" && !/\.gguf$/i.test(file.name) ? "data" : kind;

/* A zone for files of a kind, "models" or "data"; one that is of the other kind gets there.
 * The ids of its controls end with `id`.  chosen(kind, path) is called for each that is there. */
export function uploader(kind, id, chosen) {
    const input = make("input", { type: "file", id: "upload-" + id, multiple: true, hidden: true,
        accept: kind === "models" ? ".gguf" : undefined, on: { change: () => {
            send([...input.files]);
            input.value = "";
        } } });
    const pressed = button(text.upload, () => input.click(), { id: "upload-button-" + id });
    const going = make("div", { class: "going" });
    const zone = make("div", { class: "drop", on: {
        dragover: e => { e.preventDefault(); zone.classList.add("over"); },
        dragleave: () => zone.classList.remove("over"),
        drop: e => {
            e.preventDefault();
            zone.classList.remove("over");
            send([...e.dataTransfer.files]);
        } } }, pressed, " ", make("span", { class: "hint" }, text.drop), input, going);

    async function one(file) {
        const where = kindOf(file, kind);
        const there = state?.[where].some(f => f.name === file.name && !f.run);
        if (there && !await ask(text.replace(file.name), text.replaceMore, text.replaceYes))
            return;
        /* The server would say so too, but a browser in the middle of sending may not hear it. */
        if (state && file.size > state.room)
            return complain(text.uploadFailed(file.name,
                text.noRoom(bytes(file.size), bytes(state.room))));
        const bar = make("progress", { max: 1, value: 0,
            "aria-label": text.uploadLabel(file.name) });
        const words = make("span", {}, text.uploading(file.name, 0));
        const sending = upload(where, file, share => {
            bar.value = share;
            words.textContent = text.uploading(file.name, Math.floor(share * 100));
        });
        const box = make("div", { class: "sending" }, words, bar,
            button(text.stopUpload, sending.stop, { class: "quiet" }));
        going.append(box);
        try {
            const got = await sending.done;
            if (got === "stopped")
                return notice(text.uploadStopped(file.name));
            await refresh();
            chosen(where, JSON.parse(got).path);
            notice(text.uploaded(file.name));
        } catch (error) {
            complain(text.uploadFailed(file.name, error.message));
        } finally {
            box.remove();
        }
    }

    async function send(list) {
        for (const file of list)
            await one(file);
    }
    return zone;
}

/* A file that misses the zone must not replace the page. */
for (const event of ["dragover", "drop"])
    addEventListener(event, e => e.preventDefault());
