// The prompt bar: a new question is a new address. Called by the callbacks of components/prompt_bar.py.
(function () {
  const MAX_LINES = 4;
  const COUNT_FROM = 0.8; // share of the token limit from which the count shows
  const noUpdate = () => window.dash_clientside.no_update;
  let shownPrompt = null; // the prompt of the address when it was last put into the bar

  function searchFor(search, model, prompt, isChat) {
    const parameters = new URLSearchParams(search || "");
    parameters.set("model", model);
    parameters.set("prompt", prompt);
    parameters.delete("chat");
    if (isChat) {
      parameters.set("chat", "1");
    }
    return "?" + parameters.toString();
  }

  function currentModel(search, defaults) {
    return new URLSearchParams(search || "").get("model") || defaults.model;
  }

  function countOf(text) {
    const read = document.getElementById("ask-read");
    if (!read) {
      return "";
    }
    const { characters, tokens, limit } = read.dataset;
    const isRead = text.length === Number(characters);
    const count = isRead ? Number(tokens) : Math.round((text.length / characters) * tokens);
    return count <= COUNT_FROM * limit ? "" : (isRead ? "" : "about ") + count + " of " + limit + " tokens";
  }

  function resize() {
    const text = document.getElementById("ask-text");
    if (!text) {
      return;
    }
    const style = window.getComputedStyle(text);
    const padding = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    text.style.height = "auto";
    text.style.height = Math.min(text.scrollHeight, MAX_LINES * parseFloat(style.lineHeight) + padding) + "px";
  }

  window.dash_clientside = window.dash_clientside || {};
  Object.assign((window.dash_clientside.headlight = window.dash_clientside.headlight || {}), {
    // Analyze, an example, a model or the chat switch was pressed: the address that asks it.
    ask(_analyze, _examples, _models, _chat, text, search, defaults) {
      const context = window.dash_clientside.callback_context;
      const by = context.triggered_id;
      if (by === undefined || !context.triggered.some((press) => press.value)) {
        return noUpdate();
      }
      let model = currentModel(search, defaults);
      let prompt = text || "";
      let isChat = new URLSearchParams(search || "").get("chat") === "1";
      if (by === "ask-chat") {
        isChat = !isChat;
      } else if (by.type === "model") {
        model = by.name;
        isChat = false; // another model may have no template
      } else if (by.type === "example") {
        prompt = defaults.examples[by.number];
        window.headlightToast.replaced(text || "", "Text replaced by an example.");
        window.dash_clientside.set_props("ask-text", { value: prompt });
      }
      const asked = searchFor(search, model, prompt, isChat);
      return asked === search ? noUpdate() : asked;
    },

    // The address changed: the bar shows its prompt. What was typed since stays when the address asks the same.
    showPrompt(search, defaults) {
      const asked = new URLSearchParams(search || "").get("prompt");
      const prompt = asked === null ? defaults.prompt : asked;
      if (prompt === shownPrompt) {
        return noUpdate();
      }
      shownPrompt = prompt;
      return prompt;
    },

    // "117 of 128 tokens", once that is worth knowing; about that many while the text is not yet read.
    measurePrompt(text) {
      window.requestAnimationFrame(resize);
      return countOf(text || "");
    },
  });

  document.addEventListener("keydown", (event) => {
    const isPrompt = event.target.id === "ask-text";
    if (isPrompt && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      document.getElementById("ask-analyze").click();
      return;
    }
    const isTyping = event.target.closest("input, textarea, select, [contenteditable='true']");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    focusPrompt();
  });

  function focusPrompt() {
    const text = document.getElementById("ask-text");
    if (text) {
      text.focus();
      text.setSelectionRange(text.value.length, text.value.length);
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest(".edit-text")) {
      focusPrompt();
    }
  });
  window.addEventListener("resize", resize);
  document.addEventListener("headlight:result", () => {
    const text = document.getElementById("ask-text");
    window.dash_clientside.set_props("ask-count", { children: countOf(text ? text.value : "") });
    resize();
  });
})();
