/* SPDX-License-Identifier: MIT
 *
 * What the page and the server say to each other, over HTTP on one machine.
 *
 * The address that studio prints has a token, which the page keeps.  The page's files are for
 * anyone; all else needs "Authorization: Bearer T", or, a file that is loaded down, a ticket.
 * Every request needs the Host that this server has, and an Origin that is it, if one is
 * sent.  Else 401 or 403.
 *
 * An error is a status of 400 or more and {"error": one line}.  Names are one part of a path:
 * 1 to 100 bytes of UTF-8, no / \ and no control character, no . or - in front; paths are
 * relative to the working folder and lead nowhere outside it.  Sizes are bytes.
 *
 *   GET /  GET /style.css …   the page's files, built in
 *   GET /api/state   {version, dir, room, precisions: [name], models: [{name, path, bytes,
 *          kind, arch, type, base, run, model}], data: [{name, path, bytes}], runs: [run],
 *          types: [name], knobs: [NAME, that may be set]}
 *       kind is "model", "adapter", or "broken", with `error`.  models has those of the
 *       folder, of models/ and of runs/NAME/ (then `run` is its name); base is what an adapter
 *       says it belongs to, as text; of an adapter in a run `model` is the path of the run's
 *       model.
 *   run = {name, state: "running" | "stopped" | "failed" | "complete", model, data, step,
 *          steps, loss, val_loss, left, knobs: {NAME: text}, files: [{name, bytes}], evaluation:
 *          [{model, loss, perplexity}], error, job, job_error}
 *       Numbers that are not known are null; `left` is seconds.  job is "" or what is done
 *       with the run now ("merge f16"); job_error why the last one failed.  model and data
 *       are "" for a run from a shell with files elsewhere, or several.
 *   PUT /api/data/NAME  PUT /api/models/NAME   the bytes, with Content-Length (411).  507, and
 *       nothing is read, if there is no room; 422 for what is no GGUF, or has no name of one.
 *       → 201 {name, path, bytes}
 *   DELETE /api/data/NAME  /api/models/NAME  /api/runs/NAME   → {}; 409 if it is in use
 *   GET /api/rows?model=PATH&data=PATH   {table: text of tokenize --stats, or "" of plain text,
 *       rows: [[{text, role}]]}, role "trained", "given" or "special" (a token): the first 8
 *       rows as the model gets them, of plain text its beginning as one row.
 *   POST /api/plan   {model, data, name, knobs: {NAME: text or number}} → {text, plan: {item:
 *       number}}; 422 if the workflow refuses
 *   POST /api/runs   the same → 201 {name}; 409 if it runs.  A run of that name that is there
 *       goes on if nothing else is asked of it, and is made again where something is.
 *   POST /api/runs/NAME/stop   the training ends when it has saved, → {}
 *   POST /api/runs/NAME/continue   with its settings → 201 {name}; 409 if they are not
 *       known, or it runs
 *   POST /api/runs/NAME/rename   {to} → {name}
 *   POST /api/runs/NAME/merge   {type} → {}: makes merged-TYPE.gguf; `state` tells of its end
 *   POST /api/runs/NAME/quantize   the same
 *   GET /api/runs/NAME/events   server-sent events.  From the beginning on: `metrics` {step,
 *       loss, val_loss, lr, grad_norm, tokens_per_s, rss_bytes, seconds, total_steps}, null
 *       where there is none; `restart` {}: forget the metrics, they begin anew; `log` {line};
 *       `sample` {file, text, begin}, pieces in order, `begin` true where the file begins
 *       (anew); `state` run, at first and when it changes; `eval` [{model, loss, perplexity}]
 *       when it changes.
 *   POST /api/runs/NAME/files/FILE   → 201 {ticket}: for one request with ?ticket= of that file,
 *       within a minute
 *   GET /api/runs/NAME/files/FILE   its bytes
 *   POST /api/chat   {model, adapter: path or null, prompt, temp, n, seed} → server-sent
 *       events: `text` {text}, then `done` {pieces, seconds}, or `error` {error}.  The
 *       prompt is what a user says where the model has a chat template, else a beginning.
 *       To end it close the connection.
 */
