import assert from 'node:assert/strict'
import msgpack from 'socket.io-msgpack-parser'
import { call, post, sign } from '../app.js'
import { credentials, manager, open, watch } from '../client.js'

async function refused(path, sentence, more) {
  const browser = open(path, more)
  assert.deepEqual(await browser.event('connect_error'), [sentence])
  assert.equal(browser.socket.connected, false)
}

const badSignature = 'The sig is wrong or too old'

export async function badSignaturesAreRefused() {
  const day = 24 * 60 * 60
  for (const [what, sig] of Object.entries({
    'of another user': sign('mallory'),
    'with another secret': sign('victim', 0, 'guess'),
    'of last week': sign('victim', 7 * day),
    'of tomorrow': sign('victim', -day),
    'without a time': sign('victim').split('.')[0],
    'that is none': 'sig',
  })) {
    await refused('/stream' + credentials('victim', sig), badSignature).catch((err) => {
      throw new Error(`a signature ${what}: ${err.message}`)
    })
  }
  await refused('/stream', badSignature, { auth: { username: 'victim', sig: 'none' } })
}

export async function missingCredentialsAreRefused() {
  const sentence = 'Send conn_id, or username and sig'
  await refused('/stream', sentence)
  await refused('/', sentence)
  await refused('/stream?username=victim', sentence)
  await refused('/stream?sig=' + encodeURIComponent(sign('victim')), sentence)
}

export async function anUnknownConnIdIsRefused() {
  await refused('/stream?conn_id=no-such-connection', 'Unknown connection')
  await refused('/stream', 'Unknown connection', { auth: { conn_id: 'x'.repeat(1000) } })
}

export async function anUnknownNamespaceIsRefused() {
  await refused('/elsewhere' + credentials('lost'), 'Invalid namespace')
}

// A client of another parser must neither go on trying for ever nor wait in vain.
export async function theOtherParserIsRefused() {
  const browser = open('/stream' + credentials('packed'), { parser: msgpack })
  assert.deepEqual(await browser.event('connect_error'), ['Use the default parser: socket.io-msgpack-parser is not served'])
  assert.equal(browser.socket.active, false, 'it does not try again')
  assert.equal(browser.all('connect_error').length, 1)
}

export async function aClientThatWouldUseWebTransportMovesToAWebSocket() {
  const browser = open('/stream' + credentials('modern'), { transports: ['polling', 'webtransport', 'websocket'] })
  await browser.event('connect')
  const { engine } = browser.socket.io
  if (engine.transport.name === 'polling') await new Promise((resolve) => engine.once('upgrade', resolve))
  assert.equal(engine.transport.name, 'websocket')
}

export async function aSecondNamespaceNeedsTheSameUser() {
  const one = manager({})
  const root = watch(one.socket('/', { auth: { username: 'first-user', sig: sign('first-user') } }))
  await root.event('connect')
  const stream = watch(one.socket('/stream', { auth: { username: 'second-user', sig: sign('second-user') } }))
  assert.deepEqual(await stream.event('connect_error'), ['This connection has other credentials'])
}

export async function aRefusedClientMayTryAgain() {
  const browser = open('/stream', { auth: { username: 'late', sig: 'wrong' } })
  await browser.event('connect_error')
  browser.socket.auth = { username: 'late', sig: sign('late') }
  browser.socket.connect()
  await browser.event('connect')
}

// A client without a subscription must not get anything between its refusal and its next try.
export async function aRefusedClientGetsNothing() {
  const { conn_id: id } = await call('/connect', { user: 'owner', channels: ['owned'] })
  const [owner, stranger] = [open(`/stream?conn_id=${id}`), open('/stream' + credentials('owner', 'wrong'))]
  await Promise.all([owner.event('connect'), stranger.event('connect_error')])
  await post('for the owner', { channel: 'owned' })
  await post('for the owner too', { pm_users: ['owner'] })
  await Promise.all([owner.text('for the owner'), owner.text('for the owner too')])
  stranger.socket.auth = { username: 'stranger', sig: sign('stranger') }
  stranger.socket.connect()
  await stranger.event('connect')
  assert.deepEqual(stranger.messages, [])
}
