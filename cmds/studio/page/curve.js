/* SPDX-License-Identifier: MIT
 *
 * A curve over steps as SVG.  Pointer and arrow keys show the numbers of a step.
 */
import { text } from "./text.js";
import { draw, make, number, say } from "./dom.js";

const LEFT = 52, RIGHT = 10, TOP = 10, BOTTOM = 24, MOST = 500;

/* Round numbers from low to high, about n of them. */
function ticks(low, high, n) {
    const raw = (high - low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find(f => f * power >= raw) * power;
    const list = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
        list.push(i * step);
    return list;
}

/* At most MOST points: means of neighbours. */
function thin(points) {
    const each = Math.ceil(points.length / MOST);
    if (each <= 1)
        return points;
    const out = [];
    for (let i = 0; i < points.length; i += each) {
        const some = points.slice(i, i + each), sum = [0, 0];
        for (const [x, y] of some) {
            sum[0] += x / some.length;
            sum[1] += y / some.length;
        }
        out.push(sum);
    }
    return out;
}

/* lines: [{name, kind}], of which the kind is a class; shown: a number to text.
 * draws([[x, y] …] a line, the last x). */
export function curve({ id, label, lines, shown = number, height = 150, zero = false }) {
    const svg = draw("svg", { id, class: "curve", tabindex: 0, role: "img", height });
    const reading = make("p", { class: "reading" });
    const key = lines.length > 1 ? make("span", { class: "keys" }, ...lines.map(l =>
        make("span", { class: "key " + l.kind }, l.name))) : null;
    const node = make("figure", {}, make("figcaption", {}, make("span", {}, label), key),
                      svg, reading);
    let data = lines.map(() => []), end = 1, at = null, scale;

    function grid(low, high, width) {
        const parts = [];
        for (const y of ticks(low, high, height > 180 ? 5 : 3)) {
            parts.push(draw("path", { class: "grid",
                    d: `M${LEFT} ${scale.y(y)}H${width - RIGHT}` }),
                draw("text", { x: LEFT - 6, y: scale.y(y) + 4, "text-anchor": "end" }, shown(y)));
        }
        for (const x of ticks(0, end, Math.min(6, width / 90)))
            if (Number.isInteger(x))
                parts.push(draw("text", { x: scale.x(x), y: height - 6,
                    "text-anchor": scale.x(x) > width - 30 ? "end" : "middle" }, String(x)));
        return parts;
    }

    function line(points, kind) {
        const d = thin(points).map(([x, y], i) =>
            `${i ? "L" : "M"}${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`).join("");
        const dots = kind === "val" || points.length === 1 ? points : [];
        return [draw("path", { class: "line " + kind, d }), ...dots.map(([x, y]) =>
            draw("circle", { class: "dot " + kind, cx: scale.x(x), cy: scale.y(y), r: 3 }))];
    }

    function marker() {
        if (at === null)
            return [];
        const x = scale.x(at);
        return [draw("path", { class: "marker", d: `M${x} ${TOP}V${height - BOTTOM}` })];
    }

    function redraw() {
        const width = Math.max(svg.clientWidth, 200), all = data.flat();
        if (!all.length)
            return svg.replaceChildren();
        let low = Infinity, high = -Infinity;
        for (const [, y] of all) {
            low = Math.min(low, y);
            high = Math.max(high, y);
        }
        if (zero)
            low = 0;
        const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
        low = zero || low >= 0 && low < room ? 0 : low - room;
        high += room;
        scale = { x: x => LEFT + x / end * (width - LEFT - RIGHT),
                  y: y => TOP + (high - y) / (high - low) * (height - TOP - BOTTOM), width };
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.replaceChildren(...grid(low, high, width),
            ...lines.flatMap((l, i) => data[i].length ? line(data[i], l.kind) : []), ...marker());
    }

    /* The number of each line at or before a step. */
    function read(step) {
        at = step;
        const parts = lines.map((l, i) => {
            const point = data[i].findLast(([x]) => x <= step);
            return point && text.pair(l.name, shown(point[1]));
        }).filter(Boolean);
        say(reading, step === null || !parts.length ? "" : text.atStep(step, parts));
        redraw();
    }

    function move(by) {
        const steps = data[0];
        const i = at === null ? steps.length - 1 : steps.findLastIndex(([x]) => x <= at) + by;
        if (steps.length)
            read(steps[Math.min(Math.max(i, 0), steps.length - 1)][0]);
    }

    svg.addEventListener("pointermove", e => {
        const x = (e.clientX - svg.getBoundingClientRect().left - LEFT) /
            ((scale?.width ?? 300) - LEFT - RIGHT) * end;
        const point = data[0].findLast(p => p[0] <= Math.max(x, data[0][0][0]));
        if (point)
            read(point[0]);
    });
    svg.addEventListener("pointerleave", () => read(null));
    svg.addEventListener("blur", () => read(null));
    svg.addEventListener("keydown", e => {
        const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[e.key];
        if (by) {
            e.preventDefault();
            move(by);
        }
    });
    reading.setAttribute("aria-live", "polite");
    new ResizeObserver(redraw).observe(svg);

    return { node, draws(points, last) {
        data = points;
        end = Math.max(last, 1);
        const first = points[0];
        svg.setAttribute("data-points", points.map(p => p.length).join(" "));
        svg.setAttribute("aria-label", first.length ? text.curveSays(label, first.length,
            shown(first[0][1]), shown(first.at(-1)[1])) : `${label}: ${text.noCurve}`);
        redraw();
    } };
}
