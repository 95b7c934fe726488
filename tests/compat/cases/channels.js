import assert from 'node:assert/strict'
import { allow, call, post } from '../app.js'
import { credentials, open } from '../client.js'

export async function joinIsAnsweredWithWhatIsAllowedAsEventAndAsAck() {
  await allow('joiner', 'allowed')
  const browser = open('/stream' + credentials('joiner'))
  assert.deepEqual(await browser.emit('join', ['allowed', 'forbidden']), ['allowed'])
  assert.deepEqual(await browser.event('join'), [['allowed']])
  assert.deepEqual(await browser.emit('join', ['forbidden']), [])
  assert.deepEqual(await browser.event('join', 2), [[]])
  await post('not for you', { channel: 'forbidden' })
  await post('end', { channel: 'allowed' })
  await browser.text('end')
  assert.deepEqual(browser.texts, ['end'])
}

export async function afterLeaveNothingComes() {
  await allow('leaver', 'left', 'kept')
  const browser = open('/stream' + credentials('leaver'))
  await browser.emit('join', ['left', 'kept'])
  await post('before', { channel: 'left' })
  await browser.text('before')
  assert.deepEqual(await browser.emit('leave', ['left', 'never joined']), ['left'])
  assert.deepEqual(await browser.event('leave'), [['left']])
  await post('after', { channel: 'left' })
  await post('end', { channel: 'kept' })
  await browser.text('end')
  assert.deepEqual(browser.texts, ['before', 'end'])
  assert.deepEqual(await browser.emit('join', ['left']), ['left'], 'what was left may be joined again')
}

export async function theAppMovesAnOpenConnection() {
  const { conn_id: id } = await call('/connect', { user: 'moved', channels: ['first'] })
  const browser = open(`/stream?conn_id=${id}`)
  await browser.event('connect')
  const answer = await call('/subscribe', { conn_id: id, channels: ['second'] })
  assert.deepEqual(answer.subscribed_to, ['second'])
  await post('right after the answer', { channel: 'second' })
  await browser.text('right after the answer')
  assert.deepEqual(await browser.event('join'), [['second']])
  await call('/unsubscribe', { conn_id: id, channels: ['second'] })
  await post('no more', { channel: 'second' })
  await post('end', { channel: 'first' })
  await browser.text('end')
  assert.deepEqual(await browser.event('leave'), [['second']])
  assert.deepEqual(browser.texts, ['right after the answer', 'end'])
}

export async function namesHoldAnyCharacter() {
  const user = 'Zoë *.> 👩‍🚀'
  const names = ['a.b.c', 'with space', '*', '>', 'emoji 🎉', 'a.>', '=2A', 'ünï/cödé,"quoted"\\']
  await allow(user, ...names)
  const browser = open('/stream' + credentials(user))
  assert.deepEqual((await browser.emit('join', names)).sort(), [...names].sort())
  for (const channel of names) await post(`to ${channel}`, { channel })
  for (const channel of names) {
    const message = await browser.text(`to ${channel}`)
    assert.equal(message.channel, channel)
  }
  assert.equal(browser.texts.length, names.length, 'each came once')
  await post('to you', { pm_users: [user] })
  await browser.text('to you')
}

export async function aWildcardNameReachesNoOtherChannel() {
  await allow('wild', '*', '>', 'wild-end')
  const browser = open('/stream' + credentials('wild'))
  await browser.emit('join', ['*', '>', 'wild-end'])
  await post('not for wildcards', { channel: 'tame' })
  await post('end', { channel: 'wild-end' })
  await browser.text('end')
  assert.ok(!browser.texts.includes('not for wildcards'))
}

export async function joiningWhatIsNoNameIsAnsweredWithNothing() {
  const browser = open('/stream' + credentials('odd'))
  for (const odd of [[], [1, null, {}, ['nested']], {}, 7, null, ['']]) {
    assert.deepEqual(await browser.emit('join', odd), [])
  }
  assert.equal(browser.all('disconnect').length, 0)
}

export async function anUnknownEventIsAckedAndHarmless() {
  await allow('curious', 'curious-channel')
  const browser = open('/stream' + credentials('curious'))
  await browser.emit('no such event', { any: 'thing' })
  browser.socket.emit('binary event', Buffer.from([1, 2, 3]))
  await browser.emit('binary with ack', Buffer.from([1, 2, 3]), [Buffer.from([4])])
  assert.deepEqual(await browser.emit('join', ['curious-channel']), ['curious-channel'])
}
