// The map on which heads are picked (components/head/head_set.py): checkboxes with one tab stop, four arrows move.
(function () {
  const mapOf = (target) => target.closest && target.closest("#head-set-map");
  const boxes = (map) => [...map.querySelectorAll("input")];

  function makeTabStop(map, box) {
    boxes(map).forEach((each) => each.setAttribute("tabindex", each === box ? "0" : "-1"));
  }

  document.addEventListener("focusin", (event) => {
    const map = mapOf(event.target);
    if (map) {
      makeTabStop(map, event.target);
    }
  });

  document.addEventListener("keydown", (event) => {
    const map = mapOf(event.target);
    const across = map && Number(getComputedStyle(map).getPropertyValue("--heads"));
    const step = map && { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    if (step) {
      event.preventDefault();
      const all = boxes(map);
      const next = all[all.indexOf(event.target) + step];
      if (next) {
        next.focus();
      }
    }
  });
})();
