// The plain ways in that are no WebSocket: the stock eventsource client, which keeps to WHATWG HTML as browsers do, and
// a loop of fetch.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { EventSource } from 'eventsource'
import { call, post, url } from './app.js'
import { failingNetwork } from './proxy.js'

const patience = 20_000

// listen keeps what an EventSource gets.
function listen(id, address = url) {
  const source = new EventSource(`${address}/sse?conn_id=${id}`)
  const got = { source, texts: [], closes: [], errors: [], opened: 0 }
  source.addEventListener('open', () => got.opened++)
  source.addEventListener('message', ({ data }) => got.texts.push(...JSON.parse(data).map((m) => m.message)))
  source.addEventListener('close', ({ data }) => got.closes.push(JSON.parse(data)))
  source.addEventListener('error', ({ code }) => got.errors.push(code))
  return got
}

async function until(what, found) {
  for (const end = Date.now() + patience; !found();) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what()}`)
    await pause(5)
  }
}

const opened = (got, n = 1) => until(() => `it opened ${n} times, not ${got.opened}`, () => got.opened >= n)
const has = (got, text) => until(() => `${text} came, after ${got.texts}`, () => got.texts.includes(text))

async function connected(user, channel) {
  const { conn_id: id } = await call('/connect', { user, channels: [channel] })
  return id
}

const names = (prefix, n) => Array.from({ length: n }, (_, i) => `${prefix}${i}`)

async function postAll(texts, channel) {
  for (const text of texts) await post(text, { channel })
}

export async function anEventSourceGetsMessagesInOrder() {
  const got = listen(await connected('sse-user', 'sse-channel'))
  await opened(got)
  const sent = names('m', 20)
  await postAll(sent, 'sse-channel')
  await has(got, sent.at(-1))
  assert.deepEqual(got.texts, sent)
  got.source.close()
}

export async function anEventSourceThatLosesItsNetworkMissesNothing() {
  const network = await failingNetwork()
  try {
    const got = listen(await connected('sse-cut', 'sse-cut'), network.url)
    await opened(got)
    const sent = [...names('before', 5), ...names('away', 5), ...names('back', 5)]
    await postAll(sent.slice(0, 5), 'sse-cut')
    await has(got, 'before4')
    network.fail()
    await postAll(sent.slice(5, 10), 'sse-cut')
    network.recover()
    await opened(got, 2)
    await postAll(sent.slice(10), 'sse-cut')
    await has(got, sent.at(-1))
    assert.deepEqual(got.texts, sent)
    got.source.close()
  } finally {
    network.close()
  }
}

export async function anEventSourceWhoseConnectionAnotherTookStops() {
  const id = await connected('sse-taken', 'sse-taken')
  const older = listen(id)
  await opened(older)
  const newer = listen(id)
  await stops(older, 'replaced')
  newer.source.close()
}

export async function anEventSourceWhoseConnectionIsGoneStops() {
  const id = await connected('sse-gone', 'sse-gone')
  const got = listen(id)
  await opened(got)
  await call('/disconnect', { conn_id: id })
  await stops(got, 'disconnected')
  await stops(listen(id), 'disconnected') // of which nobody knows any more
}

// stops sees that a source is told why its stream ends, once, and does not come back, though its page heeds nothing.
async function stops(got, reason) {
  await until(() => `it stops, with ${got.errors}`, () => got.source.readyState === EventSource.CLOSED)
  assert.deepEqual(got.closes, [reason])
  assert.equal(got.errors.at(-1), 204)
}

export async function aPollerGetsEveryMessageOnceAndInOrder() {
  const id = await connected('poller', 'polled')
  let since = ''
  const poll = async () => {
    const response = await fetch(`${url}/listen?conn_id=${id}&since=${since}`)
    assert.equal(response.status, 200)
    const list = await response.json()
    since = list.at(-1)?.offset ?? since
    return list.filter((m) => m.type === 'message').map((m) => m.message)
  }
  assert.deepEqual(await poll(), [])
  assert.ok(since, 'the first answer says where to go on')
  const sent = names('m', 100)
  const posting = postAll(sent, 'polled')
  const got = []
  for (let polls = 0; got.length < sent.length && polls < 1000; polls++) got.push(...await poll())
  await posting
  assert.deepEqual(got, sent)
  assert.deepEqual(await poll(), [])
}
