// The two ways in. Names on the page are plain; at the gateway those of the demo's users and channels begin with
// session.prefix, which is put on and taken off here. Each opener takes a session and handlers:
//   up()                     the socket is open
//   list(objects)            what the server sent
//   changed(user, ch, what)  Socket.IO only: somebody "joined" or "parted" a channel; without arguments: look again
//   down(opened, reason)     the socket is closed; called once
// and returns {close(), join(channels), leave(channels)}. Neither reconnects: connection.js does, for both.

const there = (session, name) => session.prefix + name;

function here(session, name) {
  return typeof name === "string" && name.startsWith(session.prefix) ? name.slice(session.prefix.length) : name;
}

// plain gives the objects of a list the names that the page knows.
function plain(session, list) {
  return list.map((one) => ({ ...one, user: here(session, one.user), channel: here(session, one.channel) }));
}

// base is where the gateway is: unless the session names it, where the page's folder is in.
function base(session) {
  return new URL(session.gateway || "..", location.href);
}

function prefix(url) {
  return url.pathname.replace(/\/$/, "");
}

export function openWebSocket(session, handlers) {
  const url = base(session);
  const scheme = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${url.host}${prefix(url)}/ws?conn_id=${encodeURIComponent(session.conn_id)}`);
  let opened = false;
  let closed = false;
  const down = (reason) => {
    if (closed) return;
    closed = true;
    handlers.down(opened, reason);
  };
  socket.onopen = () => {
    opened = true;
    if (!closed) handlers.up();
  };
  socket.onmessage = (event) => {
    if (!closed) handlers.list(plain(session, JSON.parse(event.data)));
  };
  socket.onclose = (event) => down(event.reason);
  return {
    close() {
      closed = true;
      socket.close();
    },
    // The backend adds and removes channels of this connection; there is nothing to send.
    join() {},
    leave() {},
  };
}

let loading = null;

// loadSocketIO fetches the stock client from the gateway. Not every build has one; the gateway says why then.
export function loadSocketIO(session) {
  if (window.io) return Promise.resolve();
  const url = base(session);
  const src = `${url.origin}${prefix(url)}/socket.io/socket.io.min.js`;
  loading ??= script(src).catch(async (error) => {
    loading = null;
    throw new Error(await whyNot(src) ?? error.message);
  });
  return loading;
}

// whyNot is what a server says instead of a script, if it says anything.
async function whyNot(src) {
  try {
    return (await (await fetch(src)).json()).error;
  } catch {
    return undefined;
  }
}

function script(src) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = src;
    element.onload = () => (window.io ? resolve() : reject(new Error("no Socket.IO in " + src)));
    element.onerror = () => reject(new Error("cannot load " + src));
    document.head.append(element);
  });
}

export function openSocketIO(session, handlers) {
  const url = base(session);
  const socket = window.io(url.origin + "/stream", {
    path: prefix(url) + "/socket.io/",
    query: { username: there(session, session.user), sig: session.sig },
    reconnection: false,
    forceNew: true,
  });
  let opened = false;
  let closed = false;
  const emit = (event, channels) => socket.emit(event, channels.map((name) => there(session, name)));
  const changed = (user, channel, what) => handlers.changed(here(session, user), here(session, channel), what);
  const down = (reason) => {
    if (closed) return;
    closed = true;
    socket.disconnect();
    handlers.down(opened, reason);
  };
  socket.on("connect", () => {
    opened = true;
    emit("join", session.public_channels);
    handlers.up();
  });
  socket.on("connect_error", (error) => down(error.message));
  socket.on("disconnect", (reason) => down(reason));
  socket.on("message", (list) => handlers.list(plain(session, list)));
  socket.on("presence_join", (user, channels) => each(channels, (name) => changed(user, name, "joined")));
  socket.on("presence_leave", (user, channels) => each(channels, (name) => changed(user, name, "parted")));
  for (const event of ["join", "leave", "user_connect", "user_disconnect", "user_status"]) {
    socket.on(event, () => handlers.changed());
  }
  return {
    close() {
      closed = true;
      socket.disconnect();
    },
    join: (channels) => emit("join", channels),
    leave: (channels) => emit("leave", channels),
  };
}

function each(list, action) {
  if (Array.isArray(list)) list.forEach(action);
}
