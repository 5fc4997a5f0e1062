// The circuits page: lines between heads (components/circuits/circuit_graph.py), and arrow keys there and in the map of two layers
// (components/circuits/composition_map.py).
(function () {
  const SVG = "http://www.w3.org/2000/svg";
  const MAP = { type: "themed-graph", name: "composition-map" };
  let lines = null; // {chosen, lit, grey, previews} of the graph on the page; a line is [writer, reader, strength, role, role]
  let cells = null; // {layers, multiples} of the map on the page
  let cursor = null; // [row, column] of the map, null until an arrow key is pressed
  let walked = -1; // place among the chosen head's lines
  let resizing = null;

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const graph = () => document.getElementById("circuit-graph");
  const headNode = (name) => document.getElementById(`circuit-${name}`);
  const heads = () => [...graph().querySelectorAll(".circuit-head")];

  // --- Links that change the page in place: as a press on a switch, they leave the reader where they are.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a.in-place");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
      return;
    }
    event.preventDefault();
    setProps("address", { search: new URL(link.href).search });
  });

  // --- The graph
  function node(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    parent.append(made);
    return made;
  }

  function middle(name) {
    const target = headNode(name);
    if (!target) {
      return null;
    }
    const box = target.getBoundingClientRect();
    const origin = graph().getBoundingClientRect();
    const mark = target.classList.contains("is-named") ? Math.min(box.width, box.height) / 2 : 6;
    return { x: box.left + box.width / 2 - origin.left, y: box.top + box.height / 2 - origin.top, r: mark };
  }

  const roleColour = (role) => (role === "other" ? "var(--ink-2)" : `var(--role-${role})`);

  // kind: lit (role colours, arrow), preview (ink, arrow) or grey.
  function drawLine(svg, line, kind, index) {
    const [writer, reader, strength, fromRole, toRole] = line;
    const from = middle(writer);
    const to = middle(reader);
    if (!from || !to) {
      return;
    }
    const tip = kind === "grey" ? 0 : 8;
    const x1 = from.x + from.r;
    const x2 = to.x - to.r - tip;
    const bend = Math.max(24, (x2 - x1) * 0.45);
    const path = `M ${x1} ${from.y} C ${x1 + bend} ${from.y}, ${x2 - bend} ${to.y}, ${x2} ${to.y}`;
    const shape = node("path", { d: path, class: `circuit-path is-${kind}` }, svg);
    if (kind === "grey") {
      return;
    }
    shape.setAttribute("stroke-width", Math.min(6, 1.4 + 1.4 * strength));
    const arrow = node("path", { d: `M ${x2 - 1} ${to.y - 6} L ${x2 + tip} ${to.y} L ${x2 - 1} ${to.y + 6} Z` }, svg);
    arrow.setAttribute("class", `circuit-tip is-${kind}`);
    if (kind === "lit") {
      const fade = node("linearGradient", { id: `circuit-fade-${index}`, gradientUnits: "userSpaceOnUse", x1, x2, y1: 0, y2: 0 }, svg);
      [["0.15", fromRole], ["0.75", toRole]].forEach(([offset, role]) => {
        node("stop", { offset }, fade).style.stopColor = roleColour(role);
      });
      shape.setAttribute("stroke", `url(#circuit-fade-${index})`);
      arrow.style.fill = roleColour(toRole);
    }
  }

  // on: the head under the pointer or with focus, null for the resting picture.
  function draw(on) {
    const box = graph() && graph().querySelector(".circuit-drawing");
    if (!box || !lines) {
      return;
    }
    box.replaceChildren();
    const svg = node("svg", { width: "100%", height: "100%" }, box);
    const preview = on !== null && on !== lines.chosen ? lines.previews[on] || [] : [];
    svg.classList.toggle("is-previewing", preview.length > 0);
    lines.grey.forEach((line) => drawLine(svg, line, "grey"));
    lines.lit.forEach((line, index) => drawLine(svg, line, "lit", index));
    preview.forEach((line) => drawLine(svg, line, "preview"));
  }

  function makeTabStop(link) {
    heads().forEach((each) => each.setAttribute("tabindex", each === link ? "0" : "-1"));
  }

  const headOf = (target) => (target.closest ? target.closest("#circuit-graph .circuit-head") : null);

  // The next head that is there in a direction: along a layer, or in the same row of the layers beside it.
  function neighbour(link, key) {
    const [, layer, head] = link.dataset.head.match(/^L(\d+)H(\d+)$/).map(Number);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const most = heads().length;
    for (let by = 1; step && by <= most; by += 1) {
      const found = headNode(`L${layer + by * step[0]}H${head + by * step[1]}`);
      if (found) {
        return found;
      }
    }
    return null;
  }

  function walk(step) {
    const lit = lines ? lines.lit : [];
    if (lit.length) {
      walked = (walked + step + lit.length) % lit.length;
      headNode(lit[walked][1]).focus();
    }
  }

  function graphKey(event, link) {
    const target = neighbour(link, event.key);
    if (target) {
      target.focus();
    } else if (event.key === "n" || event.key === "N") {
      walk(1);
    } else if (event.key === "p" || event.key === "P") {
      walk(walked < 0 ? 0 : -1);
    } else if (event.key === "Escape" && lines.chosen && headNode(lines.chosen)) {
      walked = -1;
      headNode(lines.chosen).focus();
    } else {
      return;
    }
    event.preventDefault();
  }

  document.addEventListener("mouseover", (event) => {
    const link = headOf(event.target);
    if (link) {
      draw(link.dataset.head);
    }
  });
  document.addEventListener("mouseout", (event) => {
    if (headOf(event.target)) {
      draw(null);
    }
  });
  document.addEventListener("focusin", (event) => {
    const link = headOf(event.target);
    if (link) {
      makeTabStop(link);
      draw(link.dataset.head);
    }
  });
  document.addEventListener("focusout", (event) => {
    if (headOf(event.target)) {
      draw(null);
    }
  });
  window.addEventListener("resize", () => {
    window.cancelAnimationFrame(resizing);
    resizing = window.requestAnimationFrame(() => draw(null));
  });

  // --- The map
  function cellText(row, column) {
    const [from, to] = cells.layers;
    const times = cells.multiples[row][column].toFixed(1);
    return `writer L${from}H${row}, reader L${to}H${column}, ${times} times random`;
  }

  function moveCursor(box, row, column) {
    cursor = [row, column];
    const mark = box.querySelector(".map-cursor");
    mark.hidden = false;
    mark.style.setProperty("--row", row);
    mark.style.setProperty("--column", column);
    setProps("composition-map-readout", { children: cellText(row, column) });
  }

  function mapKey(event, box) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const last = cells.multiples.length - 1;
    const inside = (place) => Math.min(last, Math.max(0, place));
    if (step) {
      moveCursor(box, ...(cursor === null ? [0, 0] : [inside(cursor[0] + step[0]), inside(cursor[1] + step[1])]));
    } else if (event.key === "Enter" && cursor !== null) {
      const clickData = { points: [{ x: cursor[1], y: cursor[0] }] };
      setProps(MAP, { clickData });
    } else {
      return;
    }
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const link = headOf(event.target);
    const box = event.target.closest && event.target.closest("#composition-map-box");
    if (link && lines) {
      graphKey(event, link);
    } else if (box && cells) {
      mapKey(event, box);
    }
  });

  window.dash_clientside = window.dash_clientside || {};
  Object.assign((window.dash_clientside.headlightCircuits = window.dash_clientside.headlightCircuits || {}), {
    drawGraph(data) {
      lines = data || null;
      walked = -1;
      if (!lines || !graph()) {
        return 0;
      }
      const stop = headNode(lines.chosen) || heads()[0];
      if (stop && !heads().includes(document.activeElement)) {
        makeTabStop(stop);
      }
      const scroller = graph().parentElement; // on a narrow window the box scrolls, and opens on the chosen head
      scroller.scrollLeft = stop ? stop.getBoundingClientRect().left - graph().getBoundingClientRect().left - 80 : 0;
      window.requestAnimationFrame(() => draw(null));
      if (document.fonts) {
        document.fonts.ready.then(() => draw(null)); // places change when the font arrives
      }
      return lines.lit.length + lines.grey.length;
    },

    readCell(hover, data) {
      if (data !== cells) {
        cells = data || null;
        cursor = null;
      }
      const point = hover && hover.points && hover.points[0];
      const context = window.dash_clientside.callback_context;
      if (!point || !cells || context.triggered_id === "composition-map-cells") {
        return window.dash_clientside.no_update;
      }
      return cellText(point.y, point.x);
    },
  });
})();
