// Calls of the demo's own backend. A session is {user, token, conn_id, ...} as /demo/connect answers it.

const mine = "channelstream.demo.session"; // this tab's session: survives a reload
const claim = "channelstream.demo.claim"; // the browser's last one: a second tab may take the same name

// BackendError is an answer that is not a 200. code is "" when the backend was not reached.
export class BackendError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Backend {
  session = null;

  // stored returns the name that this tab goes by, or "".
  stored() {
    return read(sessionStorage, mine)?.user ?? "";
  }

  // connect lets the visitor in. With resume it takes up this tab's connection again.
  async connect(username, resume) {
    const known = [this.session, read(sessionStorage, mine), read(localStorage, claim)];
    const token = known.find((one) => one?.user === username)?.token ?? "";
    this.session = await call("connect", { username, resume }, token);
    const kept = { user: this.session.user, token: this.session.token };
    write(sessionStorage, mine, kept);
    write(localStorage, claim, kept);
    return this.session;
  }

  post(path, body = {}) {
    return call(path, body, this.session?.token ?? "");
  }

  // forget is the end of the session.
  forget() {
    this.session = null;
    write(sessionStorage, mine, null);
    write(localStorage, claim, null);
  }
}

async function call(path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = "Bearer " + token;
  let response;
  let answer;
  try {
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(15000) });
    answer = await response.json();
  } catch {
    throw new BackendError(response?.status ?? 0, "", "The demo cannot be reached.");
  }
  if (!response.ok) throw new BackendError(response.status, answer.code ?? "", answer.error ?? "Something went wrong.");
  return answer;
}

// The stores may be switched off in a browser; the demo then works until a reload.
function read(store, key) {
  try {
    return JSON.parse(store.getItem(key));
  } catch {
    return null;
  }
}

function write(store, key, value) {
  try {
    if (value) store.setItem(key, JSON.stringify(value));
    else store.removeItem(key);
  } catch {
    // See read.
  }
}
