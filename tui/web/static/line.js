// A WebSocket that dials again when it was cut off, as after a sleep, and finds its terminal as it
// was. What is sent meanwhile is dropped: nobody sees what it would do.
//
// Events: open, message; cut and back; ended, whose detail has the server's code and why.
"use strict";

const Line = (() => {
  const Socket = window.WebSocket;
  const TRIES_MAX = 40; // about three minutes
  const WAIT_MAX_MS = 5000;
  const LOOK_MS = 10000; // no answer to a ping for so long: it is cut off
  const DIAL_MS = 10000;

  return class extends EventTarget {
    constructor(url, over) {
      super();
      this.url = url;
      this.over = over;
      this.tries = 0;
      this.opened = false;
      this.dial(url);
      this.looking = setInterval(() => this.look(), LOOK_MS);
      window.addEventListener("online", () => this.hurry());
    }

    dial(url) {
      const socket = (this.socket = new Socket(url));
      this.waiting = undefined;
      this.asked = false;
      socket.binaryType = "arraybuffer";
      const current = (deed) => (event) => socket === this.socket && deed(event);
      socket.addEventListener("open", current(() => this.began()));
      socket.addEventListener("message", current((event) => this.heard(event.data)));
      socket.addEventListener("close", current((event) => this.lost(event)));
      setTimeout(() => socket.readyState === Socket.CONNECTING && socket.close(), DIAL_MS);
    }

    began() {
      if (!this.opened) this.dispatchEvent(new Event("open"));
      this.opened = true;
    }

    heard(data) {
      if (this.tries) this.dispatchEvent(new Event("back"));
      this.tries = 0;
      this.asked = false;
      this.dispatchEvent(new MessageEvent("message", { data }));
    }

    send(text) {
      const said = JSON.parse(text);
      if (said[0] === "resize") this.size = said[1];
      if (this.socket?.readyState === Socket.OPEN) this.socket.send(text);
    }

    // A line that is dead without a word is cut, too: the server answers every ping.
    look() {
      if (this.socket?.readyState !== Socket.OPEN) return;
      if (this.asked) {
        this.socket.close();
        this.lost({ code: 1006, reason: "" });
      } else {
        this.asked = true;
        this.socket.send(JSON.stringify(["ping", "0"]));
      }
    }

    async lost({ code, reason }) {
      this.socket = undefined;
      if (reason) return this.end(code, reason);
      if (await this.isStranger()) {
        return this.end(this.over, "This browser is not let in any more: headroom was started anew, or too much time has passed");
      }
      if (this.tries >= TRIES_MAX) {
        return this.end(code, "The connection is lost: headroom has ended, or cannot be reached");
      }
      this.dispatchEvent(new Event("cut"));
      const wait = Math.min(WAIT_MAX_MS, 250 * 2 ** this.tries);
      this.tries += 1;
      this.waiting = setTimeout(() => this.redial(), wait);
    }

    // A refused WebSocket tells a page nothing, but a refused file does.
    async isStranger() {
      try {
        const signal = AbortSignal.timeout(DIAL_MS);
        return (await fetch("/static/favicon.svg", { cache: "no-store", signal })).status === 403;
      } catch {
        return false;
      }
    }

    redial() {
      const { width, height } = this.size ?? { width: 80, height: 24 };
      const again = this.opened ? "&again=1" : "";
      this.dial(`${this.url.split("?")[0]}?width=${width}&height=${height}${again}`);
    }

    hurry() {
      if (this.waiting === undefined) return;
      clearTimeout(this.waiting);
      this.redial();
    }

    end(code, reason) {
      clearInterval(this.looking);
      this.dispatchEvent(new CustomEvent("ended", { detail: { code, reason } }));
    }
  };
})();
