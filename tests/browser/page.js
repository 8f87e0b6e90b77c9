/* SPDX-License-Identifier: MIT
 *
 * What tests/browser/studio.sh asks of the page: put in front of a call of one of these.
 */
const seen = e => e.checkVisibility({ visibilityProperty: true }) && !e.closest("[hidden]");

/* All that can be pressed or written to, in the order of the page. */
function controls() {
    return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, " +
        "[tabindex='0']")].filter(e => seen(e) && !e.disabled);
}

const named = e => e.id || e.textContent.trim().slice(0, 30) || e.outerHTML.slice(0, 60);

/* Controls without a name for who cannot see them. */
function nameless() {
    return controls().filter(e => !(e.labels?.length || e.getAttribute("aria-label") ||
        e.textContent.trim())).map(named).join("\n");
}

/* Number the controls; the focus goes in front of the first.  What is said at the foot of the
 * page would go away on the walk. */
function beginWalk() {
    document.querySelector(".notice").hidden = true;
    controls().forEach((e, i) => { e.dataset.walk = i; });
    document.activeElement.blur();
    getSelection().removeAllRanges();
    scrollTo(0, 0);
    const first = document.createElement("span");
    first.tabIndex = -1;
    document.body.prepend(first);
    first.focus();
    first.remove();
    return String(controls().length);
}

/* The control that has the focus, and whether one sees that. */
function stop() {
    const e = document.activeElement, style = getComputedStyle(e);
    return `${e.dataset?.walk ?? "-"} ${style.outlineStyle !== "none" &&
        parseFloat(style.outlineWidth) >= 2 ? "seen" : "unseen"} ${named(e)}`;
}

/* ==== contrast, as WCAG 2 counts it ==== */

const rgb = text => text.match(/[\d.]+/g).map(Number);

function luminance([r, g, b]) {
    const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
}

function behind(e) {
    for (; e; e = e.parentElement) {
        const colour = rgb(getComputedStyle(e).backgroundColor);
        if (colour.length === 3 || colour[3] > 0)
            return colour;
    }
    return [255, 255, 255];
}

/* Texts whose contrast is below 4.5, but of what is disabled. */
function faint() {
    const bad = [];
    for (const e of document.body.querySelectorAll("*")) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || !seen(e) || e.closest(":disabled, noscript") || e.localName === "option")
            continue;
        const style = getComputedStyle(e);
        const colour = rgb(e.ownerSVGElement ? style.fill : style.color);
        const [a, b] = [luminance(colour), luminance(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5)
            bad.push(`${ratio.toFixed(2)} ${named(e)}`);
    }
    return bad.join("\n");
}

/* What reaches out of the page to the right. */
function wide() {
    const page = document.documentElement;
    return page.scrollWidth <= page.clientWidth ? "" : [...document.body.querySelectorAll("*")]
        .filter(e => seen(e) && e.getBoundingClientRect().right > page.clientWidth + 1)
        .map(named).join("\n") || String(page.scrollWidth);
}
