// The grid of one head (components/head/pattern_grid.py): a cursor that four arrows move. The row under the pointer or
// the cursor is framed, and the line below the grid says in words what the cell there holds.
(function () {
  let shown = null; // {cells, words, weights, n, expected} of the grid on the page; expected: "query,key" where a job looks
  let cursor = null; // [query position, key position], null until the grid has focus

  // Plotly's packed numbers: base64 of 32-bit floats, row by row.
  function unpack(packed) {
    const bytes = Uint8Array.from(window.atob(packed.bdata), (character) => character.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  function cellText(queryPos, keyPos) {
    const weight = shown.weights[queryPos * shown.n + keyPos];
    const looksAt = `${shown.words[keyPos]}, position ${keyPos}, ${Math.round(weight * 100)} %`;
    const isExpected = shown.expected.has(`${queryPos},${keyPos}`) ? ", where the job says to look" : "";
    return `${shown.words[queryPos]}, position ${queryPos}, looks at ${looksAt}${isExpected}`;
  }

  // Frame a row; null frames none.
  function markRow(queryPos) {
    const mark = document.querySelector("#pattern-grid-box .grid-row-mark");
    mark.hidden = queryPos === null;
    mark.style.setProperty("--row", queryPos);
  }

  function moveCursor(box, queryPos, keyPos) {
    cursor = [queryPos, keyPos];
    const mark = box.querySelector(".grid-cursor");
    mark.hidden = false;
    mark.style.setProperty("--row", queryPos);
    mark.style.setProperty("--column", keyPos);
    markRow(queryPos);
    window.dash_clientside.set_props("grid-readout", { children: cellText(queryPos, keyPos) });
  }

  const lastCell = () => [shown.n - 1, shown.n - 1];

  // Focus by the keyboard shows where the cursor is: at first on the last token.
  document.addEventListener("focusin", (event) => {
    if (event.target.id === "pattern-grid-box" && shown && event.target.matches(":focus-visible")) {
      moveCursor(event.target, ...(cursor || lastCell()));
    }
  });

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest && event.target.closest("#pattern-grid-box");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!box || !shown || !step) {
      return;
    }
    event.preventDefault();
    const [row, column] = cursor === null ? lastCell() : [cursor[0] + step[0], cursor[1] + step[1]];
    const queryPos = Math.min(shown.n - 1, Math.max(0, row));
    moveCursor(box, queryPos, Math.min(queryPos, Math.max(0, column)));
  });

  window.dash_clientside = window.dash_clientside || {};
  Object.assign((window.dash_clientside.headlightHeads = window.dash_clientside.headlightHeads || {}), {
    readCell(hover, cells, figure) {
      if (!cells || !figure) {
        return window.dash_clientside.no_update;
      }
      if (shown === null || shown.cells !== cells) {
        const expected = new Set(cells.expected.map((cell) => cell.join(",")));
        shown = { cells, words: cells.words, n: cells.words.length, weights: unpack(figure.data[0].z), expected };
        cursor = null;
        return window.dash_clientside.no_update;
      }
      if (!hover || !hover.points || !hover.points.length) {
        markRow(cursor && cursor[0]);
        return cursor ? cellText(...cursor) : window.dash_clientside.no_update;
      }
      markRow(hover.points[0].y);
      return cellText(hover.points[0].y, hover.points[0].x);
    },
  });
})();
