/* SPDX-License-Identifier: MIT
 *
 * Talking to the server: calls, uploads, streams, and the state of the folder, which is asked
 * for again and again, since a run may end, or another page or a shell change it.
 */
import { text } from "./text.js";

export const part = encodeURIComponent;

function failed(status, body) {
    if (status === 401 || status === 403)
        return new Error(text.error.key);
    try {
        return new Error(JSON.parse(body).error);
    } catch {
        return new Error(text.error.unknown(status));
    }
}

async function request(method, path, body, signal) {
    const sent = body === undefined ? {} : { body: JSON.stringify(body),
                                             headers: { "Content-Type": "application/json" } };
    let reply;
    try {
        reply = await fetch(path, { method, signal, ...sent });
    } catch (error) {
        if (error.name === "AbortError")
            throw error;
        throw Object.assign(new Error(text.error.gone), { gone: true });
    }
    if (!reply.ok)
        throw failed(reply.status, await reply.text());
    return reply;
}

export async function call(method, path, body) {
    const got = await (await request(method, path, body)).text();
    return got ? JSON.parse(got) : {};
}

/* Sends a file; {done, stop}.  `tell` gets the share that is sent, 0 to 1. */
export function upload(kind, file, tell) {
    const xhr = new XMLHttpRequest();
    const done = new Promise((yes, no) => {
        xhr.upload.addEventListener("progress", e => tell(e.total ? e.loaded / e.total : 1));
        xhr.addEventListener("load", () => xhr.status < 300 ? yes(xhr.responseText)
            : no(failed(xhr.status, xhr.responseText)));
        xhr.addEventListener("error", () => no(new Error(text.uploadLost)));
        xhr.addEventListener("abort", () => yes("stopped"));
    });
    xhr.open("PUT", `/api/${kind}/${part(file.name)}`);
    xhr.send(file);
    return { done, stop: () => xhr.abort() };
}

/* Server-sent events as the answer to a POST, which EventSource cannot make. */
export async function stream(path, body, on, signal) {
    const reply = await request("POST", path, body, signal);
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let held = "";
    for (;;) {
        const { value, done } = await reader.read();
        if (done)
            return;
        held += value;
        for (let end; (end = held.search(/\r?\n\r?\n/)) >= 0;) {
            const event = { name: "message", data: [] };
            for (const line of held.slice(0, end).split(/\r?\n/)) {
                const [, key, rest] = /^(\w*): ?(.*)$/.exec(line) ?? [];
                if (key === "event")
                    event.name = rest;
                else if (key === "data")
                    event.data.push(rest);
            }
            held = held.slice(end).replace(/^\r?\n\r?\n/, "");
            on[event.name]?.(event.data.join("\n"));
        }
    }
}

/* ==== the state of the folder ==== */

export let state = null;
const watchers = [];
let last = "", timer, lost = false;
export const link = { lost() {}, back() {} };

/* `does` is called whenever the state is another, and at once if there is one. */
export function watch(does) {
    watchers.push(does);
    if (state)
        does(state);
}

const busy = () => state?.runs.some(r => r.state === "running" || r.job);

export async function refresh() {
    clearTimeout(timer);
    try {
        const reply = await request("GET", "/api/state");
        const got = await reply.text();
        if (got !== last) {
            last = got;
            state = JSON.parse(got);
            for (const does of watchers)
                does(state);
        }
        if (lost)
            link.back();
        lost = false;
    } catch (error) {
        if (!lost)
            link.lost(error);
        lost = true;
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, document.hidden ? 30000 : lost || busy() ? 2500 : 8000);
}

document.addEventListener("visibilitychange", () => document.hidden || refresh());
