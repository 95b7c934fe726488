// The chat page: joins the backend (what the visitor does), the connection (what the server sends) and the view.

import { Backend } from "./backend.js";
import { Connection } from "./connection.js";
import { Conversations } from "./conversations.js";
import { $, appendMessage, avatarOf, drawers, follow, listConversations, listPeople, notice, showMessages, showState } from "./view.js";

const pollPause = 5000; // ms; presence events refresh the list of people sooner
const backend = new Backend();
const conversations = new Conversations();
const closeDrawers = drawers();
follow();
const about = {
  pub_chan: "Everybody hears this channel.",
  pub_chan2: "A second public channel.",
  notify: "Only who asked for it hears this channel.",
};

let current = null; // the conversation on the page
let notified = false; // the visitor asked for the notify channel
let poll = 0;
let refreshTimer = 0;

const me = () => backend.session?.user ?? "";

const connection = new Connection(backend, {
  state(name, text, why) {
    showState(name, text);
    if (why) notice(why, { label: "Use it here", run: () => connection.start(connection.kind) });
  },
  up() {
    if (notified) askForNotify();
    refreshPeople();
  },
  list(objects) {
    objects.forEach(take);
  },
  changed: presence,
  refused(error) {
    end(error.message);
  },
  unavailable(error) {
    document.querySelector('[name="transport"][value="websocket"]').checked = true;
    connection.start("websocket");
    notice(`${error.message} Using WebSocket.`);
  },
});

// --- what the server sends

function take(object) {
  if (object.type === "presence") {
    presence(object.user, object.channel, object.message?.action);
  } else if (object.type === "message") {
    const conversation = conversations.take(object, me());
    if (conversation) shown(conversation, object.user !== me());
  } else if (object.type === "user_state_change") {
    presence();
  }
}

function presence(user, channel, action) {
  if (channel && user !== me() && (action === "joined" || action === "parted")) {
    const conversation = conversations.channel(channel);
    conversations.note(conversation, `${user} ${action === "joined" ? "joined" : "left"}`);
    shown(conversation, false);
  }
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(refreshPeople, 300);
}

function shown(conversation, counts) {
  if (conversation === current) {
    appendMessage(conversation, me());
    $("empty").hidden = true;
  }
  if (counts && (conversation !== current || document.hidden)) conversation.unread++;
  refreshLists();
}

// --- what the page shows

function refreshLists() {
  const label = (one) => (one.kind === "channel" && !hears(one) ? "ask" : "");
  listConversations($("channel-list"), conversations.of("channel"), current, label, choose);
  listConversations($("private-list"), conversations.of("user"), current, label, choose);
  const unread = [...conversations.of("channel"), ...conversations.of("user")].reduce((sum, one) => sum + one.unread, 0);
  $("elsewhere").hidden = unread === 0;
  document.title = (unread ? `(${unread}) ` : "") + "Channelstream demo";
}

async function refreshPeople() {
  if (!backend.session || document.hidden) return;
  const session = backend.session;
  try {
    const { people } = await backend.post("people");
    if (session !== backend.session) return;
    listPeople(people, me(), (name) => choose(conversations.user(name)));
    const self = people.find((one) => one.name === me());
    if (self && document.activeElement !== $("status")) $("status").value = String(self.status);
  } catch (error) {
    if (error.status === 401) end(error.message);
  }
}

function hears(conversation) {
  return conversation.kind === "user" || conversation.name !== backend.session?.notify_channel || notified;
}

function choose(conversation) {
  current = conversation;
  conversation.unread = 0;
  const channel = conversation.kind === "channel";
  $("room-name").textContent = (channel ? "# " : "") + conversation.name;
  $("room-about").textContent = channel ? (about[conversation.name] ?? "") : "A private conversation.";
  $("text").placeholder = channel ? `Message # ${conversation.name}` : `Message ${conversation.name}`;
  $("text-label").textContent = $("text").placeholder;
  showMessages(conversation, me());
  refreshRoom();
  closeDrawers();
  if (matchMedia("(hover: hover)").matches) $("text").focus();
}

function refreshRoom() {
  const inside = hears(current);
  $("composer").hidden = !inside;
  $("ask").hidden = inside;
  $("leave-channel").hidden = !(inside && current.name === backend.session.notify_channel && current.kind === "channel");
  $("empty").hidden = inside && current.entries.length > 0;
  $("empty-text").textContent = inside ? "Nothing here yet. Say hello." : "You do not hear this channel yet.";
  refreshLists();
}

// --- what the visitor does

async function enter(name, resume) {
  const session = await backend.connect(name, resume);
  conversations.reset();
  for (const channel of [...session.public_channels, session.notify_channel]) conversations.channel(channel);
  notified = session.channels.includes(session.notify_channel);
  avatarOf($("me-avatar"), session.user);
  $("me-name").textContent = session.user;
  $("status").value = String(session.status);
  $("welcome").hidden = true;
  $("chat").hidden = false;
  choose(conversations.channel(session.public_channels[0]));
  connection.start(document.querySelector('[name="transport"]:checked').value);
  clearInterval(poll);
  poll = setInterval(refreshPeople, pollPause);
}

// end goes back to the choice of a name.
function end(why) {
  connection.stop();
  clearInterval(poll);
  backend.forget();
  notified = false;
  notice("");
  $("chat").hidden = true;
  $("welcome").hidden = false;
  $("enter-error").textContent = why;
  $("username").focus();
}

// attempt shows what goes wrong, and connects anew when the server has forgotten the connection.
async function attempt(action) {
  try {
    await action();
    return true;
  } catch (error) {
    if (error.status === 401) {
      end(error.message);
    } else {
      notice(error.message);
      if (error.code === "unknown_connection") connection.lost();
    }
    return false;
  }
}

async function askForNotify() {
  const channel = backend.session.notify_channel;
  const socketIO = connection.kind === "socketio";
  const done = await attempt(() => backend.post("subscribe", { channel, join: socketIO }));
  if (!done) return;
  if (socketIO) connection.join([channel]);
  notified = true;
  refreshRoom();
  refreshPeople();
}

async function leaveNotify() {
  const channel = backend.session.notify_channel;
  if (connection.kind === "socketio") connection.leave([channel]);
  else if (!(await attempt(() => backend.post("unsubscribe", { channel })))) return;
  notified = false;
  refreshRoom();
  refreshPeople();
}

$("enter").onsubmit = async (event) => {
  event.preventDefault();
  const button = $("enter").querySelector("button");
  button.disabled = true;
  $("enter-error").textContent = "";
  try {
    await enter($("username").value.trim(), false);
  } catch (error) {
    $("enter-error").textContent = error.message;
  }
  button.disabled = false;
};

$("composer").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("text").value;
  const send = $("composer").querySelector("button");
  if (!text.trim() || send.disabled) return;
  const to = current.kind === "channel" ? { channel: current.name } : { to: current.name };
  send.disabled = true;
  const sent = await attempt(() => backend.post("message", { ...to, text }));
  send.disabled = false;
  if (sent && $("text").value === text) $("text").value = "";
  fit();
};

$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
};

// fit gives the box as many rows as the text has lines, up to six.
function fit() {
  $("text").rows = Math.min(6, $("text").value.split("\n").length);
}
$("text").oninput = fit;

$("private-form").onsubmit = (event) => {
  event.preventDefault();
  const name = $("private-name").value.trim();
  if (!name) return;
  $("private-name").value = "";
  choose(conversations.user(name));
};

$("status").onchange = () => attempt(() => backend.post("status", { status: Number($("status").value) })).then(refreshPeople);
$("ask").onclick = askForNotify;
$("leave-channel").onclick = leaveNotify;
$("leave").onclick = () => {
  backend.post("leave").catch(() => {}); // the page is done with it; an unopened connection is forgotten anyway
  end("");
};
for (const radio of document.querySelectorAll('[name="transport"]')) {
  radio.onchange = () => {
    notice("");
    connection.start(radio.value);
  };
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !current) return;
  current.unread = 0;
  refreshLists();
  refreshPeople();
});

const known = backend.stored();
$("username").value = known;
if (known) {
  enter(known, true).catch((error) => {
    $("enter-error").textContent = error.message;
  });
} else {
  $("username").focus();
}
