// What the page shows. All text of users goes in as text nodes, never as markup.

export const $ = (id) => document.getElementById(id);

const statusNames = ["Offline", "Online", "Away", "Hidden", "Busy"];
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const sameVoice = 5 * 60 * 1000; // ms within which a user's messages stand together

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// avatarOf makes element the round picture of a name.
export function avatarOf(element, name) {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 997;
  element.className = `avatar hue-${hash % 8}`;
  element.textContent = ([...name][0] ?? "?").toUpperCase();
  element.setAttribute("aria-hidden", "true");
  return element;
}

export function showState(name, text) {
  $("state").dataset.state = name;
  $("state-text").textContent = text;
}

let noticeTimer = 0;
let atEnd = true; // the reader follows what comes in

// notice shows a line above the messages; with an action it stays until that is done.
export function notice(text, action) {
  clearTimeout(noticeTimer);
  $("notice").hidden = !text;
  $("notice-text").textContent = text;
  $("notice-action").hidden = !action;
  $("notice-action").textContent = action?.label ?? "";
  $("notice-action").onclick = () => {
    notice("");
    action?.run();
  };
  if (text && !action) noticeTimer = setTimeout(() => notice(""), 6000);
}

// listConversations fills one of the two lists of conversations.
export function listConversations(list, conversations, current, label, choose) {
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(
    ...conversations.map((one) => {
      const sign = one.kind === "channel" ? make("span", "hash", "#") : avatarOf(document.createElement("span"), one.name);
      sign.setAttribute("aria-hidden", "true");
      const button = make("button", "conversation", sign, make("bdi", "conversation-name", one.name));
      button.type = "button";
      button.dataset.key = one.key;
      if (one === current) button.setAttribute("aria-current", "true");
      const tag = label(one);
      if (tag) button.append(make("span", "tag", tag));
      if (one.unread) {
        button.append(make("span", "badge", String(Math.min(one.unread, 99)), make("span", "sr-only", " unread")));
      }
      button.onclick = () => choose(one);
      return make("li", "", button);
    }),
  );
  if (held) [...list.querySelectorAll("button")].find((button) => button.dataset.key === held)?.focus();
}

export function listPeople(people, me, write) {
  $("people-count").textContent = people.length;
  const held = $("people-list").contains(document.activeElement) ? document.activeElement.dataset.name : null;
  $("people-list").replaceChildren(
    ...people.map((one) => {
      const status = statusNames[one.status] ?? "Status " + one.status;
      const dot = make("span", `presence status-${one.status}`);
      const picture = make("span", "picture", avatarOf(document.createElement("span"), one.name), dot);
      const name = make("bdi", "person-name", one.name);
      const about = make("span", "person-about", one.name === me ? `${status} · you` : status);
      const button = make("button", "person", picture, make("span", "person-text", name, about));
      button.type = "button";
      button.dataset.name = one.name;
      if (one.channels.includes("notify")) button.append(make("span", "tag", "notify"));
      button.title = `Write to ${one.name}`;
      button.onclick = () => write(one.name);
      return make("li", "", button);
    }),
  );
  if (held) [...$("people-list").querySelectorAll("button")].find((one) => one.dataset.name === held)?.focus();
}

function messageRow(entry, before, me) {
  if (entry.note) return make("li", "note", make("span", "", entry.text));
  const follows = before && !before.note && before.user === entry.user && entry.time - before.time < sameVoice;
  const own = entry.user === me;
  const row = make("li", `message${own ? " own" : ""}${follows ? " follows" : ""}`);
  const author = make("bdi", "author", own ? "You" : entry.user);
  const time = make("time", "", clock.format(entry.time));
  time.dateTime = entry.time.toISOString();
  const head = make("p", follows ? "sr-only" : "head", author, " ", time);
  const text = make("p", "bubble", entry.text);
  text.dir = "auto";
  row.append(avatarOf(document.createElement("span"), entry.user), make("div", "body", head, text));
  return row;
}

// showMessages puts a whole conversation on the page; a screen reader is not to read all of it aloud.
export function showMessages(conversation, me) {
  const list = $("messages");
  list.setAttribute("aria-live", "off");
  list.replaceChildren(...conversation.entries.map((entry, i) => messageRow(entry, conversation.entries[i - 1], me)));
  list.scrollTop = list.scrollHeight;
  atEnd = true;
  requestAnimationFrame(() => list.setAttribute("aria-live", "polite"));
}

// follow keeps the end in sight when the list gets smaller, as by a phone's keyboard.
export function follow() {
  const list = $("messages");
  list.addEventListener("scroll", () => {
    atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  });
  new ResizeObserver(() => {
    if (atEnd) list.scrollTop = list.scrollHeight;
  }).observe(list);
}

// appendMessage shows the last entry of the conversation on the page, and follows it if the reader is at the end.
export function appendMessage(conversation, me) {
  const list = $("messages");
  const { entries } = conversation;
  const last = entries.at(-1);
  list.append(messageRow(last, entries.at(-2), me));
  while (list.children.length > entries.length) list.firstElementChild.remove();
  if (atEnd || last.user === me) list.scrollTop = list.scrollHeight;
}

// drawers makes the two side panels open and close where there is no room for them.
export function drawers() {
  const panels = { sidebar: $("open-sidebar"), people: $("open-people") };
  const close = () => {
    for (const [id, opener] of Object.entries(panels)) {
      if ($(id).classList.contains("open")) opener.focus();
      $(id).classList.remove("open");
      opener.setAttribute("aria-expanded", "false");
    }
    $("shade").hidden = true;
  };
  for (const [id, opener] of Object.entries(panels)) {
    opener.onclick = () => {
      close();
      $(id).classList.add("open");
      opener.setAttribute("aria-expanded", "true");
      $("shade").hidden = false;
      $(id).querySelector("[data-close]").focus();
    };
  }
  for (const button of document.querySelectorAll("[data-close]")) button.onclick = close;
  $("shade").onclick = close;
  addEventListener("keydown", (event) => event.key === "Escape" && close());
  return close;
}
