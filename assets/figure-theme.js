// Plotly figures that follow the theme: the names of CSS variables in them become their values, again when the theme
// changes.
(function () {
  const VARIABLE = /^var\((--[\w-]+)(?:, var\((--[\w-]+)\))?\)$/; // a name, and what stands in for it
  const painted = new Map(); // element id -> {id, figure} of components/themed_graph.py

  // A copy of a figure with the values of CSS variables in place of their names.
  function inTheme(value, style = window.getComputedStyle(document.documentElement)) {
    if (typeof value === "string") {
      const name = value.match(VARIABLE);
      return name ? (style.getPropertyValue(name[1]) || style.getPropertyValue(name[2])).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.map((item) => inTheme(item, style));
    }
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inTheme(item, style)]));
    }
    return value;
  }

  const elementId = (id) => JSON.stringify(id, Object.keys(id).sort());

  document.documentElement.addEventListener("headlight:theme", () => {
    painted.forEach(({ id, figure }, key) => {
      if (document.getElementById(key)) {
        window.dash_clientside.set_props(id, { figure: inTheme(figure) });
      } else {
        painted.delete(key);
      }
    });
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.headlightFigures = {
    paint(figure) {
      if (!figure) {
        return window.dash_clientside.no_update;
      }
      const id = window.dash_clientside.callback_context.outputs_list.id;
      painted.set(elementId(id), { id, figure });
      return inTheme(figure);
    },
  };
})();
