// The head map (components/head_map.py): one tab stop, four arrows, J for the next head with a job, Enter opens. On the
// large map of All heads, hover or focus fills the card beside it, and a press keeps it there. A deep model's map has
// pages on a narrow window, and a press there names the head below the map.
(function () {
  const HOVER_MS = 80;
  const NARROW = window.matchMedia("(max-width: 600px)");
  let hovering = null;
  let shown = null; // the head on the card
  let kept = null; // the head that was pressed, null while the card follows the pointer

  const map = () => document.getElementById("head-map");
  const cells = () => [...map().querySelectorAll(".head-cell")];
  const link = (cell) => cell.querySelector("a");
  const cellOf = (target) => target.closest && target.closest("#head-map .head-cell");
  const hasCard = () => map().dataset.keeps === "1";

  function makeTabStop(cell) {
    cells().forEach((each) => link(each).setAttribute("tabindex", each === cell ? "0" : "-1"));
  }

  function show(cell) {
    if (hasCard() && cell.dataset.head !== shown) {
      shown = cell.dataset.head;
      window.dash_clientside.set_props("heads-chosen", { data: shown });
    }
  }

  function keep(cell) {
    kept = kept === cell.dataset.head ? null : cell.dataset.head;
    cells().forEach((each) => each.classList.toggle("is-kept", each.dataset.head === kept));
    show(cell);
  }

  function next(cell, key) {
    const rows = [...map().querySelectorAll(".head-map-row")].slice(1);
    const row = rows.indexOf(cell.parentElement);
    const inRow = [...cell.parentElement.querySelectorAll(".head-cell")];
    const column = inRow.indexOf(cell);
    const above = rows[row + { ArrowUp: -1, ArrowDown: 1 }[key]];
    return {
      ArrowLeft: inRow[column - 1],
      ArrowRight: inRow[column + 1],
      Home: inRow[0],
      End: inRow[inRow.length - 1],
    }[key] || (above && above.querySelectorAll(".head-cell")[column]);
  }

  // The next head with a job, layer after layer, and from the last one on to the first.
  function nextWithJob(cell) {
    const quiet = map().classList.contains("shows-rest") ? ".head-cell--none" : ".head-cell--none, .head-cell--rests";
    const place = (each) => each.dataset.head.match(/\d+/g).reduce((sum, number) => sum * 1e4 + Number(number), 0);
    const order = cells().filter((each) => each === cell || !each.matches(quiet)).sort((a, b) => place(a) - place(b));
    return order[(order.indexOf(cell) + 1) % order.length];
  }

  document.addEventListener("keydown", (event) => {
    const cell = cellOf(event.target);
    const isJump = /^j$/i.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;
    const target = cell && (isJump ? nextWithJob(cell) : next(cell, event.key));
    if (target) {
      turnTo(target.dataset.page);
      event.preventDefault();
      link(target).focus();
    } else if (cell && event.key === "Escape" && kept) {
      keep(cell.parentElement.parentElement.querySelector(`[data-head="${kept}"]`));
    }
  });

  document.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (cell) {
      makeTabStop(cell);
      show(cell);
    }
  });

  document.addEventListener("mouseover", (event) => {
    const cell = cellOf(event.target);
    window.clearTimeout(hovering);
    if (cell && kept === null) {
      hovering = window.setTimeout(() => map() && show(cell), HOVER_MS);
    }
  });

  // --- Pages of a narrow window
  function turnTo(page) {
    if (map().classList.contains("head-map--sideways") && map().dataset.shown !== page) {
      map().dataset.shown = page;
      map().querySelectorAll("[data-page]").forEach((each) => each.classList.toggle("is-off-page", each.dataset.page !== page));
      window.dash_clientside.set_props("head-map-page", { value: page });
    }
  }

  // Below the map: the pressed head in words, and a link wide enough for a finger.
  function tell(cell) {
    const box = document.querySelector(".map-pressed");
    box.classList.add("is-told");
    box.querySelector("p").textContent = link(cell).querySelector(".visually-hidden").textContent;
    box.querySelector("a").setAttribute("href", link(cell).getAttribute("href"));
    cells().forEach((each) => each.classList.toggle("is-kept", each === cell));
  }

  const tells = (event) => NARROW.matches && event.detail > 0 && document.querySelector(".map-pressed") !== null;

  // A press with the pointer (detail > 0) keeps the head; Enter, and a press with a key held, open its page.
  document.addEventListener(
    "click",
    (event) => {
      const cell = cellOf(event.target);
      if (cell && tells(event)) {
        event.preventDefault();
        event.stopPropagation();
        tell(cell);
      } else if (cell && hasCard() && event.detail > 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        event.stopPropagation();
        keep(cell);
      }
    },
    true,
  );

  window.dash_clientside = window.dash_clientside || {};
  Object.assign((window.dash_clientside.headlightHeads = window.dash_clientside.headlightHeads || {}), {
    // A map stands on the page: its first head, or the one that has focus, is the tab stop.
    prepareMap() {
      shown = null;
      kept = null;
      const found = map() ? cells() : [];
      if (found.length) {
        makeTabStop(cellOf(document.activeElement) || found[0]);
      }
      if (found.length) {
        turnTo((map().querySelector(".is-here") || found[0]).dataset.page);
      }
      return found.length;
    },

    turnPage(page) {
      if (page && map()) {
        turnTo(page);
      }
      return page;
    },

    // Heads that only rest show it, or are quiet; the address keeps which.
    showRest(value) {
      if (map() && value) {
        map().classList.toggle("shows-rest", value === "1");
        window.headlightAddress.keep("rest", value === "1" ? "1" : "");
      }
      return value;
    },
  });
})();
