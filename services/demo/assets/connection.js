// Keeps one socket open: tries again with growing, random pauses, and asks the backend for the connection anew when
// the gateway does not know it any more.

import { loadSocketIO, openSocketIO, openWebSocket } from "./transport.js";

const firstPause = 500; // ms
const longestPause = 20000;
// Reasons after which to come back would take the connection away from somebody who meant to have it.
const final = { replaced: "This chat was opened in another tab." };

export class Connection {
  #backend;
  #handlers;
  #kind = "websocket";
  #link = null;
  #timer = 0;
  #tries = 0;
  #known = true; // the gateway can be expected to know the connection
  #run = 0; // counts starts and stops, so that what belongs to an earlier one is let go

  // handlers: state(name, text), up(), list(objects), changed(...), refused(error): the visitor must choose a name.
  constructor(backend, handlers) {
    this.#backend = backend;
    this.#handlers = handlers;
    addEventListener("online", () => this.#waiting() && this.#soon(0));
    addEventListener("offline", () => this.#link && this.#dropped(true, "offline"));
  }

  get kind() {
    return this.#kind;
  }

  // start opens the socket by "websocket" or "socketio"; the session must be there.
  start(kind) {
    this.stop();
    this.#kind = kind;
    this.#tries = 0;
    this.#soon(0);
  }

  stop() {
    this.#run++;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#link?.close();
    this.#link = null;
    this.#known = true;
  }

  join(channels) {
    this.#link?.join(channels);
  }

  leave(channels) {
    this.#link?.leave(channels);
  }

  // lost is called when the backend says that the connection is gone.
  lost() {
    this.stop();
    this.#known = false;
    this.#soon(0);
  }

  #waiting() {
    return this.#timer !== 0;
  }

  #soon(pause) {
    clearTimeout(this.#timer);
    const run = ++this.#run;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#open(run);
    }, pause);
  }

  async #open(run) {
    this.#handlers.state("connecting", this.#tries ? "Reconnecting" : "Connecting");
    try {
      if (!this.#known) await this.#backend.connect(this.#backend.session.user, true);
      if (this.#kind === "socketio") await loadSocketIO(this.#backend.session);
    } catch (error) {
      if (run === this.#run) this.#failed(error);
      return;
    }
    if (run !== this.#run) return;
    const open = this.#kind === "socketio" ? openSocketIO : openWebSocket;
    const mine = (action) => (...args) => run === this.#run && action(...args);
    this.#link = open(this.#backend.session, {
      up: mine(() => this.#opened()),
      list: mine((list) => this.#handlers.list(list)),
      changed: mine((...args) => this.#handlers.changed(...args)),
      down: mine((opened, reason) => this.#dropped(opened, reason)),
    });
  }

  #opened() {
    this.#tries = 0;
    this.#known = true;
    this.#handlers.state("online", "Connected");
    this.#handlers.up();
  }

  // A socket that never opened may have been refused because the connection is unknown; a browser does not say. One that did
  // is closed as "disconnected" then.
  #dropped(opened, reason) {
    this.#link?.close();
    this.#link = null;
    this.#known = opened && reason !== "disconnected";
    if (final[reason]) {
      this.#run++;
      this.#handlers.state("stopped", "Disconnected", final[reason]);
      return;
    }
    this.#retry();
  }

  #failed(error) {
    if (error.status === 401 || error.status === 409 || error.status === 422) this.#handlers.refused(error);
    else if (error.status === undefined) this.#handlers.unavailable(error); // the Socket.IO client could not be loaded
    else this.#retry();
  }

  #retry() {
    const longest = Math.min(longestPause, firstPause * 2 ** this.#tries++);
    const pause = longest * (0.5 + Math.random() / 2);
    this.#handlers.state("waiting", "Reconnecting soon");
    this.#soon(pause);
  }
}
