// The logit lens (components/head/lens_strip.py): its box opens on the marked column, which a narrow window would hide.
(function () {
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.headlightLens = {
    showChosen() {
      window.requestAnimationFrame(() => {
        const chosen = document.querySelector(".lens-table thead .is-chosen");
        const box = document.querySelector(".lens-box");
        if (chosen && box) {
          box.scrollLeft = chosen.offsetLeft + chosen.offsetWidth - box.clientWidth;
        }
      });
      return "";
    },
  };
})();
