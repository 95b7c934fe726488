// What has been said, by conversation. A conversation is a channel ("c:" + name) or a user ("u:" + name).

const longest = 500; // messages kept per conversation

export class Conversations {
  #all = new Map();
  #seen = new Set(); // uuids: what is sent again after a reconnect shows once

  reset() {
    this.#all.clear();
    this.#seen.clear();
  }

  channel(name) {
    return this.#get("c:" + name, { kind: "channel", name });
  }

  user(name) {
    return this.#get("u:" + name, { kind: "user", name });
  }

  get(key) {
    return this.#all.get(key);
  }

  of(kind) {
    return [...this.#all.values()].filter((one) => one.kind === kind);
  }

  // take files a message of the server and returns its conversation, or null for one that was seen before.
  take(object, me) {
    if (object.uuid && this.#seen.has(object.uuid)) return null;
    if (object.uuid) this.#seen.add(object.uuid);
    const other = object.user === me ? (object.message?.to ?? object.user) : object.user;
    const conversation = object.channel ? this.channel(object.channel) : this.user(String(other));
    this.#add(conversation, {
      user: String(object.user),
      text: textOf(object.message),
      time: timeOf(object.timestamp),
      private: Boolean(object.channel && object.pm_users),
    });
    return conversation;
  }

  // note files a line that nobody wrote, e.g. that somebody joined.
  note(conversation, text) {
    this.#add(conversation, { note: true, text, time: new Date() });
  }

  #add(conversation, entry) {
    conversation.entries.push(entry);
    if (conversation.entries.length > longest) conversation.entries.shift();
  }

  #get(key, fresh) {
    if (!this.#all.has(key)) this.#all.set(key, { key, unread: 0, entries: [], ...fresh });
    return this.#all.get(key);
  }
}

// The demo writes {text}; other apps of the same server may write anything.
function textOf(message) {
  if (typeof message === "string") return message;
  if (typeof message?.text === "string") return message.text;
  return JSON.stringify(message) ?? "";
}

// Timestamps are UTC; without a zone JavaScript would take them for local time.
function timeOf(timestamp) {
  const text = String(timestamp ?? "");
  const time = new Date(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : text + "Z");
  return Number.isNaN(time.getTime()) ? new Date() : time;
}
