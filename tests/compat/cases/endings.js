import assert from 'node:assert/strict'
import { call, post, sign } from '../app.js'
import { credentials, manager, open, watch } from '../client.js'
import { failingNetwork } from '../proxy.js'

export async function disconnectByTheAppEndsTheSession() {
  const { conn_id: id } = await call('/connect', { user: 'ended', channels: ['ended-channel'] })
  const browser = open(`/stream?conn_id=${id}`)
  await browser.event('connect')
  assert.equal(await call('/disconnect', { conn_id: id }), true)
  const [reason] = await browser.event('disconnect')
  assert.equal(reason, 'io server disconnect')
  const { channels } = await call('/info', { channels: ['ended-channel'] })
  assert.equal(channels['ended-channel']?.total_connections ?? 0, 0)
  assert.equal(await call('/disconnect', { conn_id: id }), false)
  browser.socket.connect()
  assert.deepEqual(await browser.event('connect_error'), ['Unknown connection'])
}

export async function theNewestSocketOfAConnectionTakesOver() {
  const { conn_id: id } = await call('/connect', { user: 'twice', channels: ['twice-channel'] })
  const older = open(`/stream?conn_id=${id}`)
  await older.event('connect')
  await older.moved()
  const newer = open(`/stream?conn_id=${id}`)
  await newer.event('connect')
  assert.equal((await older.event('disconnect'))[0], 'io server disconnect')
  await post('for the newer', { channel: 'twice-channel' })
  await newer.text('for the newer')
  assert.deepEqual(older.messages, [])
  assert.deepEqual(newer.all('disconnect'), [])
}

export async function aClientThatDisconnectsIsGoneAtOnceAndMayConnectAgain() {
  await call('/channel_config', { 'gone-channel': { notify_presence: true } })
  const ids = []
  for (const user of ['stayer', 'goer']) ids.push((await call('/connect', { user, channels: ['gone-channel'] })).conn_id)
  const [stayer, goer] = ids.map((id) => open(`/stream?conn_id=${id}`))
  await Promise.all([stayer.event('connect'), goer.event('connect')])
  await post('before', { channel: 'gone-channel' })
  await goer.text('before')
  await goer.moved()
  const sid = goer.socket.id
  const left = Date.now()
  goer.socket.disconnect()
  const [user, channels] = await stayer.event('presence_leave')
  assert.deepEqual([user, channels], ['goer', ['gone-channel']])
  assert.ok(Date.now() - left < 10_000, 'it does not linger')
  await stayer.event('user_disconnect')
  const info = await call('/info', { channels: ['gone-channel'] })
  assert.equal(info.channels['gone-channel'].total_connections, 1)
  await post('meanwhile', { channel: 'gone-channel' })
  goer.socket.connect()
  await goer.event('connect', 2)
  assert.equal(goer.socket.recovered, false)
  assert.notEqual(goer.socket.id, sid)
  await post('after', { channel: 'gone-channel' })
  await goer.text('after')
  assert.deepEqual(goer.texts, ['before', 'after'])
}

export async function aClientComesBackWhenItsNetworkFails() {
  const network = await failingNetwork()
  try {
    const { conn_id: id } = await call('/connect', { user: 'traveller', channels: ['travel'] })
    const browser = watch(manager({ conn_id: id }, network.url).socket('/stream'))
    await browser.event('connect')
    await browser.moved()
    for (let times = 1; times <= 10; times++) {
      await post(`before ${times}`, { channel: 'travel' })
      await browser.text(`before ${times}`)
      network.fail()
      assert.notEqual((await browser.event('disconnect', times))[0], 'io server disconnect')
      network.recover()
      await browser.event('connect', times + 1)
    }
    await post('home', { channel: 'travel' })
    await browser.text('home')
    browser.socket.disconnect()
  } finally {
    network.close()
  }
}

export async function aUserWithASignatureComesBackWithoutItsChannels() {
  const network = await failingNetwork()
  try {
    await call('/subscribe', { user: 'returning', channels: ['return'] })
    const query = { username: 'returning', sig: sign('returning') }
    const browser = watch(manager(query, network.url).socket('/stream'))
    browser.socket.on('connect', () => browser.socket.emit('join', ['return'])) // as the seed's example does
    assert.deepEqual(await browser.event('join'), [['return']])
    network.fail()
    await browser.event('disconnect')
    network.recover()
    assert.deepEqual(await browser.event('join', 2), [['return']])
    await post('welcome back', { channel: 'return' })
    await browser.text('welcome back')
    assert.deepEqual(browser.texts, ['welcome back'])
    browser.socket.disconnect()
  } finally {
    network.close()
  }
}

export async function disconnectOfOneUserLeavesOthersAlone() {
  const { conn_id: id } = await call('/connect', { user: 'banned', channels: ['shared'] })
  const [banned, other] = [open(`/stream?conn_id=${id}`), open('/stream' + credentials('spared'))]
  await Promise.all([banned.event('connect'), other.event('connect')])
  await call('/disconnect', { conn_id: id })
  await banned.event('disconnect')
  await other.emit('are you there')
  assert.deepEqual(other.all('disconnect'), [])
}
