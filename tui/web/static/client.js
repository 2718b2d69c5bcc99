// What textual.js, which brings xterm.js and connects it, leaves to the page: where the terminal is,
// why it has ended, and which keys and clicks are the terminal's rather than the browser's.
"use strict";

(() => {
  const terminal = document.getElementById("terminal");
  const closed = document.getElementById("closed");
  const again = document.getElementById("again");

  // A page that is loaded again in this tab finds its terminal by this name.
  let tab = sessionStorage.getItem("tab");
  if (!tab) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    tab = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("tab", tab);
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  terminal.dataset.sessionWebsocketUrl = `${scheme}//${location.host}/ws/${tab}`;

  // On a narrow page, as a phone's, smaller letters: every screen has its 60 columns.
  const COLUMNS = 60;
  const CELL = 0.61; // the width of a letter, as part of its height
  const fits = Math.floor((window.innerWidth - 8) / (COLUMNS * CELL));
  terminal.dataset.fontSize = Math.max(8, Math.min(Number(terminal.dataset.fontSize), fits));

  const focus = () => terminal.querySelector("textarea")?.focus();

  const OVER = 4004; // tui/web/session.py
  const NEED_LINK = [OVER, 1001]; // a server that has ended knows its cookies no more
  const note = document.getElementById("note");

  // `code` is the server's; the reason says it in words.
  const ended = ({ detail: { code, reason } }) => {
    note.hidden = true;
    document.getElementById("why").textContent = `${reason}.`;
    document.getElementById("come-in").hidden = !NEED_LINK.includes(code);
    again.hidden = NEED_LINK.includes(code);
    closed.hidden = false;
    again.focus();
  };
  again.addEventListener("click", () => location.reload());

  const cut = () => {
    note.textContent = "The connection is lost: trying again. Nothing that you type is sent.";
    note.hidden = false;
  };
  const back = () => {
    note.textContent = "Connected again: this is the terminal as it is.";
    setTimeout(() => {
      note.hidden = true;
    }, 4000);
  };

  window.WebSocket = class extends Line {
    constructor(url) {
      super(url, OVER);
      this.addEventListener("open", focus);
      this.addEventListener("cut", cut);
      this.addEventListener("back", back);
      this.addEventListener("ended", ended);
    }
  };
  window.addEventListener("focus", focus);
  // A click beside the terminal would take the keys from it.
  document.addEventListener("click", () => {
    if (closed.hidden) focus();
  });

  // The browser pastes by itself what these keys paste; xterm.js would take Ctrl-V for a character.
  const pastes = (event) =>
    (event.ctrlKey && !event.altKey && event.key.toLowerCase() === "v") ||
    (event.shiftKey && event.key === "Insert");
  // It copies what was marked with Shift and the mouse.
  const copies = (event) => event.ctrlKey && event.key === "Insert";
  window.addEventListener(
    "keydown",
    (event) => {
      if (pastes(event) || copies(event)) event.stopImmediatePropagation();
    },
    true,
  );

  // The right button is the terminal's; with Shift it is the browser's.
  terminal.addEventListener("contextmenu", (event) => {
    if (!event.shiftKey) event.preventDefault();
  });
})();
