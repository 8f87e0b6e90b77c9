/* SPDX-License-Identifier: MIT
 *
 * Talking to the server: the key, calls, files, streams, and the state of the folder, which is
 * asked for again and again, since a run may end, or another page or a shell change it.
 */
import { text } from "./text.js";

export const part = encodeURIComponent;

/* ==== the key ==== */

/* The address that studio prints has it.  It leaves the address, stays with this tab, and is
 * sent as a header; a tab that a link has opened is told it by the others. */
let key = new URLSearchParams(location.search).get("token");
const tabs = new BroadcastChannel("studio");
if (key) {
    history.replaceState(null, "", location.pathname + location.hash);
    keep(key);
    tabs.postMessage(key);
}
key ??= sessionStorage.getItem("key");

function keep(got) {
    key = got;
    sessionStorage.setItem("key", key);
}

const told = new Promise(go => {
    tabs.addEventListener("message", e => {
        if (!e.data && key)
            tabs.postMessage(key);
        else if (e.data && !key)
            go(keep(e.data));
    });
});
if (!key) {
    tabs.postMessage("");
    await Promise.race([told, new Promise(go => setTimeout(go, 500))]);
}

const bearer = () => ({ Authorization: "Bearer " + key });

/* ==== calls ==== */

function failed(status, body) {
    const refused = words => Object.assign(new Error(words), { refused: true });
    if (status === 401) {
        key = null;
        sessionStorage.removeItem("key");
        tabs.postMessage(""); /* another may have that of a server begun anew */
    }
    if (status === 401 || status === 403)
        return refused(text.error.key);
    try {
        return refused(JSON.parse(body).error);
    } catch {
        return refused(text.error.unknown(status));
    }
}

async function request(method, path, body, signal) {
    const sent = body === undefined ? { headers: bearer() } : { body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", ...bearer() } };
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
    xhr.setRequestHeader("Authorization", bearer().Authorization);
    xhr.send(file);
    return { done, stop: () => xhr.abort() };
}

/* The browser saves it as it comes, and has no header for that. */
export async function download(run, file) {
    const path = `/api/runs/${part(run)}/files/${part(file)}`;
    const { ticket } = await call("POST", path);
    const link = document.createElement("a");
    link.href = `${path}?ticket=${ticket}`;
    link.download = file;
    link.click();
}

/* ==== streams ==== */

/* Server-sent events, which EventSource could ask for by GET alone and without a header. */
export async function stream(method, path, body, on, signal) {
    const reply = await request(method, path, body, signal);
    on.open?.();
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

/* Events from their beginning, again when the line breaks; {close}.  A page that nobody sees
 * has no line: browsers open six to a server for all of them. */
export function follow(path, on) {
    let over = false, stopper, timer;
    async function go() {
        clearTimeout(timer);
        stopper?.abort();
        if (over || document.hidden)
            return;
        const mine = stopper = new AbortController();
        try {
            await stream("GET", path, undefined, on, mine.signal);
        } catch (error) {
            if (error.refused)
                return;
        }
        if (mine === stopper && !mine.signal.aborted)
            timer = setTimeout(go, 2000);
    }
    document.addEventListener("visibilitychange", go);
    go();
    return { close() {
        over = true;
        document.removeEventListener("visibilitychange", go);
        go();
    } };
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
