// Many elements as one component (components/plain.py): a tree of Dash's own html components, drawn as mere elements.
(function () {
  // A press goes to another page inside the app, as a dcc.Link does; with a key held the browser opens it as usual.
  function follow(event) {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
      return;
    }
    event.preventDefault();
    const { pathname, search, hash } = new URL(event.currentTarget.href);
    window.dash_clientside.set_props("address", { href: pathname + search + hash });
    window.scrollTo(0, 0);
  }

  function drawn(node) {
    if (Array.isArray(node)) {
      return node.map(drawn);
    }
    if (node === null || typeof node !== "object") {
      return node;
    }
    const { children, ...props } = node.props;
    const isLink = node.type === "Link";
    const inside = children === undefined || children === null ? [] : [children].flat(Infinity).map(drawn);
    const attributes = isLink ? { ...props, onClick: follow } : props;
    return window.React.createElement(isLink ? "a" : node.type.toLowerCase(), attributes, ...inside);
  }

  window.headlight_plain = {
    Plain: Object.assign(
      (props) => window.React.createElement(window.React.Fragment, null, ...drawn(props.tree)),
      { displayName: "Plain" },
    ),
  };
})();
