import assert from 'node:assert/strict'
import { allow, call, post, sign, url } from '../app.js'
import { credentials, manager, open, upgrades, watch } from '../client.js'

// The example of the README that asked for this server, line by line.
export async function theExampleOfTheSeed() {
  await call('/connect', { user: 'seed', channels: ['pub_chan'] })
  const browser = open('/stream' + credentials('seed'))
  await browser.event('connect')
  browser.socket.emit('join', ['pub_chan', 'pub_chan2'])
  assert.deepEqual(await browser.event('join'), [['pub_chan']])
  await call('/message', { channel: 'pub_chan', user: 'bob', message: { text: 'hello' } })
  const [list] = await browser.event('message')
  assert.ok(Array.isArray(list), 'messages come as a list')
  assert.deepEqual(list[0].message, { text: 'hello' })
  assert.equal(list[0].user, 'bob')
  assert.equal(list[0].channel, 'pub_chan')
  assert.equal(list[0].type, 'message')
  assert.ok(list[0].uuid && list[0].timestamp)
}

export async function credentialsMayBeSentAsAuth() {
  await allow('auth-user', 'auth-channel')
  const browser = open('/stream', { auth: { username: 'auth-user', sig: sign('auth-user') } })
  assert.deepEqual(await browser.emit('join', ['auth-channel']), ['auth-channel'])
}

export async function aConnIdStartsInTheChannelsOfItsConnection() {
  for (const [way, connect] of Object.entries({
    query: (id) => open(`/stream?conn_id=${id}`),
    auth: (id) => open('/stream', { auth: { conn_id: id } }),
  })) {
    const channel = `conn-channel-${way}`
    const { conn_id: id } = await call('/connect', { user: `conn-user-${way}`, channels: [channel] })
    const browser = connect(id)
    await browser.event('connect')
    await post('at once', { channel })
    await browser.text('at once')
    const { channels } = await call('/info', { channels: [channel] })
    assert.deepEqual(channels[channel].users, [`conn-user-${way}`])
  }
}

export async function theRootNamespaceServesToo() {
  await allow('root-user', 'root-channel')
  const browser = open('/' + credentials('root-user'))
  assert.deepEqual(await browser.emit('join', ['root-channel']), ['root-channel'])
  await post('to the root', { channel: 'root-channel' })
  await browser.text('to the root')
}

export async function bothNamespacesOnOneConnectionGetEachMessageOnce() {
  await allow('both-user', 'both-channel')
  const one = manager({ username: 'both-user', sig: sign('both-user') })
  const root = watch(one.socket('/'))
  const stream = watch(one.socket('/stream'))
  await Promise.all([root.event('connect'), stream.event('connect')])
  assert.deepEqual(await stream.emit('join', ['both-channel']), ['both-channel'])
  await post('twice', { channel: 'both-channel' })
  await post('end', { channel: 'both-channel' })
  for (const space of [root, stream]) {
    await space.text('end')
    assert.deepEqual(space.texts, ['twice', 'end'])
  }
  root.socket.disconnect()
  await stream.emit('anything')
  await post('one is left', { channel: 'both-channel' })
  await stream.text('one is left')
  assert.deepEqual(root.texts, ['twice', 'end'])
  const { channels } = await call('/info', { channels: ['both-channel'] })
  assert.equal(channels['both-channel'].total_connections, 1)
}

export async function theDefaultMovesToAWebSocketWithoutLosingOrRepeating() {
  const channel = 'moving-channel'
  const { conn_id: id } = await call('/connect', { user: 'moving-user', channels: [channel] })
  const browser = open(`/stream?conn_id=${id}`)
  await browser.event('connect')
  const sent = []
  let over = false
  const moving = browser.moved().then(() => { over = true })
  for (let n = 0; n < 20 || !over; n++) {
    sent.push(`m${n}`)
    await post(`m${n}`, { channel })
  }
  await moving
  await browser.text(sent.at(-1))
  assert.deepEqual(browser.texts, sent)
  if (upgrades) assert.equal(browser.socket.io.engine.transport.name, 'websocket')
}

export async function aClientThatOnlyListensStaysThroughHeartbeats() {
  const { conn_id: id } = await call('/connect', { user: 'quiet-user', channels: ['quiet-channel'] })
  const browser = open(`/stream?conn_id=${id}`)
  await browser.event('ping', 4)
  await post('still there', { channel: 'quiet-channel' })
  await browser.text('still there')
  assert.deepEqual(browser.all('disconnect'), [])
}

export async function aPageOfAnotherOriginMayAsk() {
  const response = await fetch(url + '/socket.io/?EIO=4&transport=polling', { headers: { origin: 'https://app.example' } })
  if (response.status !== 200) return // polling is switched off
  assert.equal(response.headers.get('access-control-allow-origin'), 'https://app.example')
  assert.equal(response.headers.get('access-control-allow-credentials'), 'true')
}
