// The two ways in. Each opener takes a session and handlers:
//   up()                     the socket is open
//   list(objects)            what the server sent
//   changed(user, ch, what)  Socket.IO only: somebody "joined" or "parted" a channel; without arguments: look again
//   down(opened, reason)     the socket is closed; called once
// and returns {close(), join(channels), leave(channels)}. Neither reconnects: connection.js does, for both.

function base(session) {
  return new URL(session.gateway || location.origin);
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
    if (!closed) handlers.list(JSON.parse(event.data));
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

// loadSocketIO fetches the stock client: from the gateway, or from the demo's own files.
export function loadSocketIO(session) {
  if (window.io) return Promise.resolve();
  const url = base(session);
  loading ??= script(`${url.origin}${prefix(url)}/socket.io/socket.io.js`)
    .catch(() => script("assets/vendor/socket.io.min.js"))
    .catch((error) => {
      loading = null;
      throw error;
    });
  return loading;
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
    query: { username: session.user, sig: session.sig },
    reconnection: false,
    forceNew: true,
  });
  let opened = false;
  let closed = false;
  const down = (reason) => {
    if (closed) return;
    closed = true;
    socket.disconnect();
    handlers.down(opened, reason);
  };
  socket.on("connect", () => {
    opened = true;
    socket.emit("join", session.public_channels);
    handlers.up();
  });
  socket.on("connect_error", (error) => down(error.message));
  socket.on("disconnect", (reason) => down(reason));
  socket.on("message", (list) => handlers.list(list));
  socket.on("presence_join", (user, channels) => each(channels, (name) => handlers.changed(user, name, "joined")));
  socket.on("presence_leave", (user, channels) => each(channels, (name) => handlers.changed(user, name, "parted")));
  for (const event of ["join", "leave", "user_connect", "user_disconnect", "user_status"]) {
    socket.on(event, () => handlers.changed());
  }
  return {
    close() {
      closed = true;
      socket.disconnect();
    },
    join: (channels) => socket.emit("join", channels),
    leave: (channels) => socket.emit("leave", channels),
  };
}

function each(list, action) {
  if (Array.isArray(list)) list.forEach(action);
}
