"use strict";
// What a page does besides being read. All of it works on what stands in the page: the text with its marks, and the
// panels beside it, whose buttons have the keys of the marks that they are for. Nothing is fetched or stored but the
// choice of light or dark.
(() => {
  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  const THEME = "bigbird-theme";

  root.classList.add("js");
  try { // a browser may refuse storage to files
    if (localStorage.getItem(THEME)) root.dataset.theme = localStorage.getItem(THEME);
  } catch {}

  let articles, current = null; // of the documents; the text of the one that is shown
  let indexTop = 0; // how far the index was scrolled
  let targets = [], at = -1, inOrder = false; // what next and previous go through, where they are, whether as in the text
  let chosen = null; // the button whose marks they are
  let query = "";

  class Text {
    constructor(article) {
      this.article = article;
      this.length = Number(article.dataset.length);
      this.blocks = all("[data-at]", article);
      this.starts = this.blocks.map((block) => Number(block.dataset.at));
      this.chunks = all(".chunk", article);
      this.chunkStarts = this.chunks.map((chunk) => Number(chunk.firstElementChild.dataset.at));
      this.marks = all("[data-k]:not(.unread)", article);
      this.offsets = new WeakMap(); // of marks, and of a search's hits
      this.blocks.forEach((block, n) => {
        let offset = this.starts[n];
        for (const node of block.childNodes) {
          this.offsets.set(node, offset);
          offset += node.textContent.length;
        }
      });
      this.firstMarks = this.marks.filter((mark) => mark.dataset.b !== "");
      this.byKey = new Map();
      for (const mark of this.firstMarks) {
        for (const key of keysOf(mark, "b")) {
          if (!this.byKey.has(key)) this.byKey.set(key, []);
          this.byKey.get(key).push(mark);
        }
      }
    }

    // the number of the last start that is not behind the offset
    static before(starts, offset) {
      let low = 0, high = starts.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (starts[middle] <= offset) low = middle + 1; else high = middle;
      }
      return Math.max(0, low - 1);
    }

    blockAt(offset) { return this.blocks[Text.before(this.starts, offset)]; }

    offsetOf(target) { return this.offsets.get(target) ?? Number(target.dataset.at); }

    // the characters that stand between two heights of the window, by the chunks: what is not in sight has no layout
    inSight(top, bottom) {
      const offset = (y) => {
        let low = 0, high = this.chunks.length;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (this.chunks[middle].getBoundingClientRect().top <= y) low = middle + 1; else high = middle;
        }
        if (!low) return 0;
        const box = this.chunks[low - 1].getBoundingClientRect();
        const start = this.chunkStarts[low - 1], end = this.chunkStarts[low] ?? this.length;
        return start + (end - start) * Math.min(1, (y - box.top) / Math.max(1, box.height));
      };
      return [offset(top), offset(bottom)];
    }
  }

  const keysOf = (mark, name = "k") => (mark.dataset[name] ?? mark.dataset.k).split(" ");
  const elementOf = (target) => (target instanceof Range ? target.startContainer.parentElement : target);
  const piecesOf = (mark) => mark.dataset.level ? current.marks.filter((each) => each.dataset.k === mark.dataset.k) : [mark];
  const isShown = (mark) => !mark.classList.contains("off");

  // ---- documents

  const texts = new Map();

  function open(article) {
    if (current?.article === article) return;
    if (!current) indexTop = scrollY;
    current?.article.classList.remove("open", "listing");
    if (!texts.has(article)) texts.set(article, new Text(article));
    current = texts.get(article);
    article.classList.add("open");
    root.classList.add("reading");
    one("#where").textContent = article.dataset.name;
    endSearch();
    choose(one("[data-question], [data-label]", article));
    scrollTo(0, 0);
  }

  function openIndex() {
    current?.article.classList.remove("open", "listing");
    current = null;
    root.classList.remove("reading");
    one("#where").textContent = one("#where").dataset.index;
    scrollTo(0, indexTop);
  }

  function route() {
    const [, number, rest] = /^#d(\d+)(.*)$/.exec(location.hash) ?? [];
    if (!articles[number]) {
      if (articles.length === 1 && !one("#index")) open(articles[0]);
      else if (!current || ["", "#index", "#failed"].includes(location.hash)) openIndex();
      if (location.hash === "#failed") one("#failed")?.scrollIntoView();
      return;
    }
    open(articles[number]);
    if (/^c\d+$/.test(rest)) show(current.blockAt(Number(rest.slice(1))), "start"); // a character of the text
    else if (rest) { const there = document.getElementById(`d${number}${rest}`); if (there) show(there, "start"); }
  }

  // ---- going from mention to mention

  function show(target, block = "center") {
    const box = target.getBoundingClientRect();
    const isNear = box.top > -innerHeight && box.bottom < 2 * innerHeight;
    elementOf(target).scrollIntoView({ block, behavior: isNear && !stillness.matches ? "smooth" : "instant" });
    if (!isNear) requestAnimationFrame(() => elementOf(target).scrollIntoView({ block, behavior: "instant" })); // now that it has a layout
  }

  function go(index) {
    if (!targets.length) return;
    leave();
    at = (index + targets.length) % targets.length;
    const target = targets[at], element = elementOf(target);
    current.article.classList.remove("listing");
    if (target instanceof Range) {
      if (window.Highlight) CSS.highlights.set("hit", new Highlight(target));
    } else {
      for (const each of piecesOf(target)) each.classList.add("here");
      if (document.activeElement?.id !== "search") {
        element.tabIndex = -1;
        element.focus({ preventScroll: true });
      }
    }
    show(target);
    tell();
    draw(false);
  }

  function leave() {
    for (const each of at < 0 || targets[at] instanceof Range ? [] : piecesOf(targets[at])) each.classList.remove("here");
    window.CSS?.highlights?.delete("hit");
    at = -1;
  }

  function aim(list, isInOrder) {
    leave();
    targets = list;
    inOrder = isInOrder;
    tell();
    draw();
  }

  function tell() {
    const n = targets.length.toLocaleString("en");
    one("#count").textContent = at < 0 ? (n === "1" || !query ? n : `${n} hits`) : `${(at + 1).toLocaleString("en")} / ${n}`;
  }

  // the next target; at first the one that is in sight or below, if they stand in the order of the text
  function step(by) {
    if (!current || !targets.length) return;
    if (at >= 0 || !inOrder) return go(at < 0 && by < 0 ? -1 : at + by);
    const [top] = current.inSight(0, innerHeight);
    const below = targets.findIndex((target) => current.offsetOf(target) >= top);
    go(by > 0 ? (below < 0 ? 0 : below) : (below < 0 ? targets.length : below) - 1);
  }

  // ---- the panel

  // what next and previous go through: the passages of a label and the answers to a question by what speaks for them,
  // the mentions of one thing as they stand in the text, and all that are shown where nothing is chosen
  function choose(button) {
    const article = current.article, isQuestion = button?.dataset.question !== undefined;
    chosen = button;
    for (const each of all(".panel [data-key], .panel [data-question]", article)) each.setAttribute("aria-pressed", String(each === button));
    if (button?.dataset.label !== undefined) weigh(button);
    if (article.dataset.task === "classify") {
      const best = all("[data-passages]:not([hidden]) [data-key]", article).map((each) => current.byKey.get(each.dataset.key)?.[0]);
      return aim(best.filter(Boolean), false);
    }
    const buttons = isQuestion ? all("[data-key]", button.closest("section")) : [button];
    const keys = button && new Set(buttons.map((each) => each.dataset.key));
    one(".text", article).classList.toggle("aside", keys !== null);
    for (const mark of current.marks) mark.classList.toggle("on", keys !== null && keysOf(mark).some((key) => keys.has(key)));
    const mentions = current.firstMarks.filter((mark) => isShown(mark) && (!keys || keysOf(mark, "b").some((key) => keys.has(key))));
    if (isQuestion) mentions.sort((a, b) => b.dataset.s - a.dataset.s);
    aim(mentions, !isQuestion);
  }

  function press(button) {
    const isPassage = button.closest("[data-passages]");
    if (chosen === button && targets.length > 1 && !isPassage) return go(at + 1);
    choose(button);
    go(isPassage ? targets.indexOf(current.byKey.get(button.dataset.key)?.[0]) : Math.min(button.dataset.first, targets.length - 1));
  }

  function weigh(button) {
    const weights = button.dataset.weights.split(" ").map(Number);
    for (const each of all("[data-label]", current.article)) each.setAttribute("aria-pressed", String(each === button));
    for (const list of all("[data-passages]", current.article)) list.hidden = list.dataset.passages !== button.dataset.label;
    for (const mark of current.marks) {
      mark.dataset.s = weights[mark.dataset.k];
      mark.dataset.level = Math.ceil(weights[mark.dataset.k] / 10);
    }
  }

  function filterNames() {
    const article = current.article;
    const kinds = all("[data-kind][aria-pressed='true']", article).map((each) => `t${each.dataset.kind}`);
    const isSure = one("[data-sure][aria-pressed='true']", article) !== null;
    const words = one("[data-filter='names']", article)?.value.trim().toLowerCase() ?? "";
    const keys = new Set();
    let isAny = false;
    for (const item of all(".list li", article)) {
      const button = item.firstElementChild;
      const isKind = !kinds.length || kinds.some((kind) => item.classList.contains(kind));
      item.hidden = !isKind || (words !== "" && !button.textContent.toLowerCase().includes(words)) || (isSure && button.classList.contains("unsure"));
      if (!item.hidden) keys.add(button.dataset.key);
      isAny ||= !item.hidden;
    }
    one("[data-empty]", article).classList.toggle("said", isAny);
    for (const mark of current.marks) {
      mark.classList.toggle("off", !keys.has(mark.dataset.k) || (isSure && mark.classList.contains("unsure")));
    }
    choose(null);
  }

  // ---- search

  function hits(text, pattern) {
    const found = [];
    for (const block of text.blocks) {
      const matches = [...block.textContent.matchAll(pattern)];
      if (!matches.length) continue;
      const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
      let node = walker.nextNode(), before = 0;
      const place = (offset, isEnd) => {
        while (node && (isEnd ? before + node.length < offset : before + node.length <= offset)) {
          before += node.length;
          node = walker.nextNode();
        }
        return [node, offset - before];
      };
      for (const match of matches) {
        const range = new Range();
        range.setStart(...place(match.index, false));
        range.setEnd(...place(match.index + match[0].length, true));
        text.offsets.set(range, Number(block.dataset.at) + match.index);
        found.push(range);
      }
    }
    return found;
  }

  function search(words) {
    query = words.trim();
    if (!query) { endSearch(); return choose(chosen); }
    const pattern = query.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
    const found = hits(current, new RegExp(pattern, "giu"));
    if (window.Highlight) CSS.highlights.set("hits", new Highlight(...found.slice(0, 5000)));
    aim(found, true);
  }

  function endSearch() {
    query = "";
    one("#search").value = "";
    leave();
    window.CSS?.highlights?.clear();
  }

  function reset() {
    const article = current.article;
    endSearch();
    for (const each of all(".kinds [aria-pressed]", article)) each.setAttribute("aria-pressed", "false");
    const names = one("[data-filter='names']", article);
    if (names) { names.value = ""; filterNames(); }
    article.classList.remove("listing");
    choose(one("[data-question], [data-label][aria-pressed='true']", article));
  }

  // ---- where in the document

  const TALL = 3; // pixels of the map that are counted together
  let map, isDrawing = false, picture = null; // of what does not move when the text is scrolled
  const colours = new Map(); // of the looks of marks, until light or dark changes

  function colourOf(mark) {
    const looks = mark.dataset.level ?? /^\S+( h\d+)?/.exec(mark.className)[0];
    if (!colours.has(looks)) {
      const style = getComputedStyle(mark);
      colours.set(looks, mark.dataset.level ? style.backgroundColor : style.borderBottomColor);
    }
    return colours.get(looks);
  }

  function draw(isNew = true) {
    if (isNew) picture = null;
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(() => { isDrawing = false; paint(); });
  }

  function paint() {
    if (!current || !map.clientHeight) return;
    const ratio = devicePixelRatio || 1, width = map.clientWidth, height = map.clientHeight;
    const y = (offset) => (offset / current.length) * height;
    const canvas = (of) => {
      of.width = width * ratio;
      of.height = height * ratio;
      const pen = of.getContext("2d");
      pen.scale(ratio, ratio);
      pen.fillStyle = getComputedStyle(map).color;
      return pen;
    };
    if (!picture) {
      picture = document.createElement("canvas");
      paintStill(canvas(picture), width, height, y);
    }
    const pen = canvas(map);
    pen.drawImage(picture, 0, 0, width, height);
    const [top, bottom] = current.inSight(0, innerHeight);
    pen.globalAlpha = 0.12;
    pen.fillRect(0, y(top), width, Math.max(4, y(bottom) - y(top)));
    pen.globalAlpha = 1;
    if (at >= 0) pen.fillRect(0, y(current.offsetOf(targets[at])) - 1, width, 2);
  }

  function paintStill(pen, width, height, y) {
    const ink = pen.fillStyle;
    if (current.article.dataset.task === "classify" && !query) { // every passage by its weight
      current.firstMarks.forEach((mark, n, marks) => {
        pen.fillStyle = colourOf(mark);
        const top = y(current.offsetOf(mark)), next = marks[n + 1];
        pen.fillRect(0, top, width, (next ? y(current.offsetOf(next)) : height) - top + 1);
      });
    } else { // how many there are, and of which colours
      const rows = new Map();
      let most = 1;
      for (const target of targets) {
        const n = Math.floor(y(current.offsetOf(target)) / TALL), colour = target instanceof Range ? ink : colourOf(target);
        if (!rows.has(n)) rows.set(n, new Map());
        const row = rows.get(n);
        row.set(colour, (row.get(colour) ?? 0) + 1);
        most = Math.max(most, [...row.values()].reduce((sum, count) => sum + count));
      }
      for (const [n, row] of rows) {
        let x = 0.15 * width;
        for (const [colour, count] of row) {
          const long = (0.7 * width * count) / most;
          pen.fillStyle = colour;
          pen.fillRect(x, n * TALL, Math.max(1, long), TALL - 0.5);
          x += long;
        }
      }
    }
    if (root.classList.contains("seams")) {
      pen.fillStyle = ink;
      pen.globalAlpha = 0.5;
      for (const seam of all(".seam", current.article)) pen.fillRect(0, y(current.offsetOf(seam)), 0.12 * width, 1);
    }
  }

  function jump(event) {
    if (event.type === "pointerdown") map.setPointerCapture(event.pointerId);
    else if (!event.buttons) return;
    const box = map.getBoundingClientRect();
    current.blockAt(((event.clientY - box.top) / box.height) * current.length).scrollIntoView({ block: "center", behavior: "instant" });
  }

  // ---- switches

  function nextTheme() {
    const order = ["", "light", "dark"];
    const theme = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    try { localStorage.setItem(THEME, theme); } catch {}
    colours.clear();
    draw();
  }

  function toggleSeams() {
    one("[data-do='seams']").setAttribute("aria-pressed", String(root.classList.toggle("seams")));
    draw();
  }

  function toggleTags() {
    const names = all("[data-kind]", current.article).map((each) => each.childNodes[1].textContent.trim());
    for (const mark of current.firstMarks) {
      const kind = /\bt(\d+)\b/.exec(mark.className);
      mark.dataset.tag ??= `${kind ? names[kind[1]] + " " : ""}${(mark.dataset.s / 100).toFixed(2)}`;
    }
    root.classList.toggle("tags");
  }

  function togglePanel() {
    const isOpen = current.article.classList.toggle("listing");
    one("[data-do='panel']").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) one(".panel button, .panel a", current.article)?.focus({ preventScroll: true });
  }

  function neighbour(by) {
    const index = articles.indexOf(current?.article) + by;
    if (articles[index]) location.hash = `#d${index}`;
  }

  const actions = {
    next: () => step(1), previous: () => step(-1), seams: toggleSeams, theme: nextTheme, panel: togglePanel,
    help: () => one("#help").showModal(),
  };
  const keys = {
    j: () => step(1), n: () => step(1), k: () => step(-1), p: () => step(-1), s: toggleSeams, t: nextTheme,
    l: () => current && toggleTags(),
    "?": actions.help,
    "/": () => one(current ? "#search" : "[data-filter='rows']")?.focus(),
    f: () => one(current ? "article.open [data-filter]" : "[data-filter='rows']")?.focus(),
    i: () => { if (one("#index")) location.hash = "#index"; },
    "[": () => neighbour(-1), "]": () => neighbour(1),
    Escape: () => current && reset(),
  };

  // ---- the index

  function filterRows(words) {
    for (const row of all("#index tbody tr")) row.hidden = !row.textContent.toLowerCase().includes(words.trim().toLowerCase());
  }

  function sortRows(heading) {
    const column = [...heading.parentElement.children].indexOf(heading), body = one("#index tbody");
    const isDown = heading.getAttribute("aria-sort") === "ascending";
    for (const each of heading.parentElement.children) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const order = new Intl.Collator(undefined, { numeric: true });
    const value = (row) => row.children[column].textContent.trim().replace(/,(?=\d{3})/g, "");
    const rows = [...body.rows].sort((a, b) => order.compare(value(a), value(b)));
    body.append(...(isDown ? rows.reverse() : rows));
  }

  document.addEventListener("DOMContentLoaded", () => {
    articles = all("article");
    map = one("#map");
    const search_ = one("#search");
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const data = button.dataset;
      if (data.do) actions[data.do]();
      else if (data.sort !== undefined) sortRows(button.closest("th"));
      else if (data.kind !== undefined || data.sure !== undefined) {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        filterNames();
      } else if (data.key !== undefined) press(button);
      else if (data.question !== undefined) { choose(button); go(0); }
      else if (data.label !== undefined) choose(button);
    });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || one("#help").open) return;
      if (event.target.matches("input")) {
        if (event.key === "Escape") { event.preventDefault(); event.target.blur(); if (current) reset(); }
        if (event.target === search_ && event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
      } else if (keys[event.key]) {
        event.preventDefault();
        keys[event.key]();
      }
    });
    document.addEventListener("input", (event) => {
      if (event.target === search_) search(search_.value);
      else if (event.target.dataset.filter === "names") filterNames();
      else if (event.target.dataset.filter === "rows") filterRows(event.target.value);
    });
    document.addEventListener("submit", (event) => { if (event.target.matches(".search")) event.preventDefault(); });
    map.addEventListener("pointerdown", jump);
    map.addEventListener("pointermove", jump);
    addEventListener("scroll", () => draw(false), { passive: true });
    addEventListener("resize", () => draw());
    addEventListener("hashchange", route);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours.clear(); draw(); });
    route();
  });
})();
