// The training slider of the toy page (components/toy/training_plot.py): sets heads and best scores of both cards to a kept
// step, moves the line in both plots, and plays all steps once when pressed. The strips stay as they are.
(function () {
  const PLAY_MS = 6000;
  const FEW_STEPS = 5; // where motion is to be reduced
  const PAGE = 5;
  const SLIDER = "toy-step";
  let playing = null; // the timer of the training that is played
  let training = null; // the data of the page that is shown

  const slider = () => document.getElementById(SLIDER);
  const lastStep = () => training.steps.length - 1;

  function goTo(index) {
    window.dash_clientside.set_props(SLIDER, { value: Math.min(lastStep(), Math.max(0, index)) });
  }

  // A score as components/score_bar.py writes it.
  const twoDecimals = (value) => value.toFixed(2);

  function setCell(cell, job, name) {
    const isNone = job.sign === "";
    cell.className = `toy-cell role-${job.role}` + (isNone ? " toy-cell--none" : "");
    cell.lastElementChild.className = isNone ? "sign-dot" : `sign sign-${job.sign}`;
    cell.firstElementChild.textContent = `${name}, ${job.name}`;
  }

  function setBest(card, data, index) {
    const [head, score] = data.best[index];
    const row = card.querySelector(".toy-then .toy-best");
    const isHeld = data.roles[index][data.names.indexOf(head)] === training.jobs.findIndex((job) => job.role === "induction");
    const bar = row.querySelector(".bar");
    row.querySelector(".head-name").textContent = head;
    row.querySelector(".head-score").textContent = twoDecimals(score);
    row.querySelector(".dot").classList.toggle("dot--active", isHeld);
    bar.classList.toggle("bar--active", isHeld);
    bar.classList.toggle("bar--below", !isHeld);
    bar.style.setProperty("--score", score);
    bar.style.setProperty("--chance", data.chance);
    bar.setAttribute("aria-valuenow", score);
    bar.setAttribute("aria-valuetext", `score ${twoDecimals(score)}, chance ${twoDecimals(data.chance)}`);
  }

  function setCard(data, index) {
    const card = document.querySelector(`.toy-card[data-model="${data.model}"]`);
    if (card) {
      const cells = [...card.querySelectorAll(".toy-cell")];
      cells.forEach((cell, number) => setCell(cell, training.jobs[data.roles[index][number]], data.names[number]));
      setBest(card, data, index);
    }
  }

  // "step 2,000, two layers 0.62, one layer 0.09"
  function inWords(index) {
    const scores = [...training.cards].reverse().map((card) => `${card.title} ${twoDecimals(card.best[index][1])}`);
    return [`step ${training.steps[index].toLocaleString("en")}`, ...scores].join(", ");
  }

  function show(index) {
    const page = document.querySelector(".toy-page");
    const range = slider();
    if (!page || !range) {
      return;
    }
    const first = training.steps[0];
    const share = (training.steps[index] - first) / (training.steps[lastStep()] - first);
    page.classList.toggle("is-earlier", index < lastStep());
    page.style.setProperty("--at", share.toFixed(4));
    range.style.setProperty("--share", (index / lastStep()).toFixed(4));
    range.setAttribute("aria-valuetext", inWords(index));
    training.cards.forEach((card) => setCard(card, index));
  }

  function stop() {
    window.clearTimeout(playing);
    playing = null;
    const button = document.getElementById("toy-play");
    if (button) {
      button.textContent = "Play the training";
    }
  }

  function start() {
    const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const n = isCalm ? Math.min(FEW_STEPS, training.steps.length) : training.steps.length;
    const places = Array.from({ length: n }, (_none, number) => Math.round((number * lastStep()) / (n - 1)));
    document.getElementById("toy-play").textContent = "Stop";
    const next = (number) => {
      if (!slider()) {
        playing = null;
        return;
      }
      goTo(places[number]);
      playing = window.setTimeout(() => (number + 1 < n ? next(number + 1) : stop()), PLAY_MS / n);
    };
    next(0);
  }

  // A key or a press on the slider takes it from the film.
  ["pointerdown", "keydown"].forEach((kind) =>
    document.addEventListener(kind, (event) => {
      if (playing !== null && event.target.id === SLIDER) {
        stop();
      }
    })
  );

  document.addEventListener("keydown", (event) => {
    const steps = { PageUp: PAGE, PageDown: -PAGE }[event.key];
    if (event.target.id === SLIDER && steps && training) {
      event.preventDefault();
      goTo(Number(event.target.value) + steps);
    }
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.headlightToy = {
    showStep(value, data) {
      if (!data) {
        return window.dash_clientside.no_update;
      }
      training = data;
      const index = Math.min(lastStep(), Number(value));
      window.requestAnimationFrame(() => show(index)); // the cards stand on the page by then
      return `Step ${data.steps[index].toLocaleString("en")}`;
    },
    sayThreshold(value) {
      const words = `Over ${twoDecimals(Number(value))}`;
      window.requestAnimationFrame(() => {
        const range = document.getElementById("detector-threshold");
        if (range) {
          range.setAttribute("aria-valuetext", words.toLowerCase());
        }
      });
      return words;
    },
    play(presses, data) {
      if (presses && data) {
        training = data;
        (playing === null ? start : stop)();
      }
      return presses || 0;
    },
  };
})();
