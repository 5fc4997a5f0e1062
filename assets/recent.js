// The texts that were read in this tab, newest first, for the page of one head (components/head/recent_prompts.py). They
// stay in the browser's session store, which ends with the tab.
(function () {
  const KEY = "headlight-recent";
  const MOST = 7; // the one that is shown, and six others
  const LONGEST = 2000; // characters

  function kept() {
    try {
      const texts = JSON.parse(window.sessionStorage.getItem(KEY) || "[]");
      return Array.isArray(texts) ? texts : [];
    } catch {
      return []; // the store is switched off, or holds something else
    }
  }

  // A new result is on the page: its text was read, unless the page is a refusal.
  document.addEventListener("headlight:result", () => {
    const prompt = (new URLSearchParams(window.location.search).get("prompt") || "").slice(0, LONGEST);
    if (!prompt.trim() || document.querySelector(".error-page")) {
      return;
    }
    const texts = [prompt, ...kept().filter((text) => text !== prompt)].slice(0, MOST);
    try {
      window.sessionStorage.setItem(KEY, JSON.stringify(texts));
    } catch {
      // the store is full or switched off: there is then nothing to compare with, and the page says so
    }
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.headlightRecent = {
    // The button was pressed: what is kept, with the number of the press, so that a second press asks again.
    texts(presses) {
      return presses ? { texts: kept(), press: presses } : window.dash_clientside.no_update;
    },
  };
})();
