// What belongs to every page: busy state, focus and announcement after a new result, toast, theme, small switches.
(function () {
  const BUSY_AFTER_MS = 300;
  const root = document.documentElement;
  let busyTimer = null;
  let lastFocus = null;

  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const question = () => new URLSearchParams(window.location.search);

  // --- Busy: nothing for 300 ms, then the button says so and old results fade until the new ones are complete.
  function startBusy(content) {
    clearTimeout(busyTimer);
    busyTimer = setTimeout(() => {
      root.dataset.busy = "";
      content.setAttribute("aria-busy", "true");
    }, BUSY_AFTER_MS);
  }

  function stopBusy(content) {
    clearTimeout(busyTimer);
    delete root.dataset.busy;
    content.removeAttribute("aria-busy");
  }

  // --- A new result: its headline is read once, and focus goes back to where it was if that is still there.
  function announce() {
    const headline = document.getElementById("headline") || document.querySelector("#content h1");
    const announcer = document.getElementById("announcer");
    if (headline && announcer && announcer.textContent !== headline.textContent) {
      announcer.textContent = headline.textContent;
    }
  }

  function restoreFocus() {
    if (lastFocus === null || document.activeElement !== document.body) {
      return;
    }
    const target = (lastFocus.id && document.getElementById(lastFocus.id)) || document.getElementById("headline");
    if (target) {
      target.focus({ preventScroll: true });
    }
  }

  function goToAnchor() {
    const target = window.location.hash.length > 1 && document.getElementById(window.location.hash.slice(1));
    if (target) {
      target.scrollIntoView();
    }
  }

  function watch(content) {
    new MutationObserver((changes) => {
      if (changes.some((change) => change.type === "attributes")) {
        const isLoading = content.hasAttribute("data-dash-is-loading");
        (isLoading ? startBusy : stopBusy)(content);
        if (!isLoading) {
          announce(); // a headline that came later than its page
        }
      }
      if (changes.some((change) => change.type === "childList")) {
        announce();
        restoreFocus();
        goToAnchor();
        setProps("message-region", { children: null });
        document.dispatchEvent(new CustomEvent("headlight:result"));
      }
    }).observe(content, { childList: true, attributes: true, attributeFilter: ["data-dash-is-loading"] });
    announce();
  }

  new MutationObserver((_changes, self) => {
    const content = document.getElementById("_pages_content");
    if (content) {
      self.disconnect();
      watch(content);
    }
  }).observe(root, { childList: true, subtree: true });

  document.addEventListener("focusin", (event) => {
    lastFocus = event.target.closest("#_pages_content") ? { id: event.target.id } : null;
  });

  // --- Toast. Its Undo is a link to undoHref, or tells the server to undo what is named by `undoes`.
  window.headlightToast = {
    openMs: 8000,
    timer: null,
    undoes: null,
    show(text, undoHref, undoes) {
      this.undoes = undoes || null;
      setProps("toast-text", { children: text });
      setProps("toast-undo", { href: undoHref || "", class_name: undoHref || undoes ? "toast-undo" : "d-none" });
      setProps("toast", { is_open: true });
      clearTimeout(this.timer); // each toast has its whole time, also when it follows another
      this.timer = setTimeout(() => setProps("toast", { is_open: false }), this.openMs);
    },
    undo() {
      if (this.undoes !== null) {
        setProps("toast-undone", { data: this.undoes });
        setProps("toast", { is_open: false });
      }
    },
    replaced(oldText, text) {
      const before = question();
      before.set("prompt", oldText);
      this.show(text, window.location.pathname + "?" + before.toString());
    },
  };

  function copyLink() {
    const field = document.createElement("textarea");
    field.value = window.location.href;
    document.body.append(field);
    field.select();
    document.execCommand("copy"); // works on plain http too, where navigator.clipboard does not exist
    field.remove();
    window.headlightToast.show("Link copied", "");
  }

  // --- What a page shows by itself, such as folds, stays in its address, without a new answer of the server.
  window.headlightAddress = {
    keep(name, value) {
      const search = question();
      if ((search.get(name) || "") === value) {
        return;
      }
      if (value) {
        search.set(name, value);
      } else {
        search.delete(name);
      }
      window.history.replaceState(window.history.state, "", window.location.pathname + "?" + search + window.location.hash);
      setProps("address", { search: window.location.search });
    },
  };

  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches && event.target.matches("[data-fold]")) {
        const open = [...document.querySelectorAll("[data-fold][open]")].map((each) => each.dataset.fold);
        window.headlightAddress.keep("more", open.join("."));
      }
    },
    true,
  );

  // --- Presses that need no server
  document.addEventListener("click", (event) => {
    const target = event.target;
    const chip = target.closest(".chip");
    const toast = chip && chip.querySelector("[data-toast]");
    if (toast && toast.dataset.toast) {
      const prompt = document.getElementById("ask-text");
      window.headlightToast.replaced(prompt ? prompt.value : "", toast.dataset.toast);
    }
    if (target.closest(".copy-link")) {
      const from = target.closest(".copy-link");
      copyLink();
      from.focus();
    }
    if (target.closest("#toast-undo")) {
      window.headlightToast.undo();
    }
    if (target.closest(".theme-switch")) {
      window.headlightTheme.toggle();
    }
    toggle(target.closest("[data-toggles]"));
    foldCard(target.closest(".job-header"));
  });

  function toggle(button) {
    if (button) {
      const isOn = button.parentElement.classList.toggle(button.dataset.toggles);
      button.setAttribute("aria-expanded", String(isOn));
    }
  }

  // On a narrow window the card on the stage is the open one; pressing it again closes it.
  function foldCard(header) {
    const card = header && header.closest(".job");
    if (card) {
      card.classList.toggle("is-folded", card.classList.contains("is-on-stage") && !card.classList.contains("is-folded"));
    }
  }

  window.dash_clientside = window.dash_clientside || {};
  Object.assign((window.dash_clientside.headlight = window.dash_clientside.headlight || {}), {
    // The drawer opens at the menu button and closes when a link or model in it was pressed.
    toggleDrawer() {
      const context = window.dash_clientside.callback_context;
      return context.triggered_id === "frame-menu";
    },
    // What the server tells; see components/toast.py.
    tell(told) {
      if (told) {
        window.headlightToast.show(told.text, "", told.undoes);
      }
    },
    // Style sheets show the prompt bar by the path; only some pages are about a text one can change there.
    followPath(path) {
      root.dataset.path = path;
    },
  });
})();
