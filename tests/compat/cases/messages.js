import assert from 'node:assert/strict'
import { allow, call, post } from '../app.js'
import { credentials, open } from '../client.js'

async function join(user, ...channels) {
  await allow(user, ...channels)
  const browser = open('/stream' + credentials(user))
  assert.deepEqual(await browser.emit('join', channels), channels)
  return browser
}

export async function aPublicMessageReachesTheMembersOfItsChannel() {
  const [one, two, other] = await Promise.all([
    join('pub-1', 'pub-room'), join('pub-2', 'pub-room'), join('pub-3', 'pub-other'),
  ])
  await post('public', { channel: 'pub-room' })
  await post('end', { channel: 'pub-other' })
  const [first, second] = [await one.text('public'), await two.text('public')]
  assert.deepEqual(first, second)
  await other.text('end')
  assert.deepEqual(other.texts, ['end'])
}

export async function aPrivateMessageReachesEveryConnectionOfItsUser() {
  const [laptop, phone, other] = await Promise.all([
    join('pm-alice', 'pm-1'), join('pm-alice', 'pm-2'), join('pm-bob', 'pm-1'),
  ])
  await post('for alice', { pm_users: ['pm-alice'] })
  await post('end', { pm_users: ['pm-bob'] })
  const message = await laptop.text('for alice')
  assert.equal(message.channel ?? null, null)
  await phone.text('for alice')
  await other.text('end')
  assert.deepEqual(other.texts, ['end'])
}

export async function aPrivateMessageInAChannelReachesOnlyItsMembers() {
  const [member, bystander, elsewhere] = await Promise.all([
    join('in-alice', 'in-room'), join('in-bob', 'in-room'), join('in-alice', 'in-other'),
  ])
  await post('for alice in the room', { channel: 'in-room', pm_users: ['in-alice'] })
  await post('end', { channel: 'in-room' })
  await post('end', { channel: 'in-other' })
  await Promise.all([member.text('end'), bystander.text('end'), elsewhere.text('end')])
  assert.deepEqual(member.texts, ['for alice in the room', 'end'])
  assert.deepEqual(bystander.texts, ['end'])
  assert.deepEqual(elsewhere.texts, ['end'], 'a connection of hers that is not in the room gets nothing')
}

export async function excludedUsersAreLeftOut() {
  const [alice, bob] = await Promise.all([join('ex-alice', 'ex-room'), join('ex-bob', 'ex-room')])
  await post('not for bob', { channel: 'ex-room', exclude_users: ['ex-bob'] })
  await post('nor this', { pm_users: ['ex-alice', 'ex-bob'], exclude_users: ['ex-bob'] })
  await post('end', { channel: 'ex-room' })
  await Promise.all([alice.text('end'), alice.text('nor this'), bob.text('end')])
  assert.deepEqual(bob.texts, ['end'])
}

export async function messagesKeepTheirOrder() {
  const browser = await join('orderly', 'order')
  const texts = Array.from({ length: 300 }, (_, n) => `n${n}`)
  const messages = texts.map((text) => ({ user: 'system', channel: 'order', message: text }))
  for (let at = 0; at < messages.length; at += 60) await call('/message', messages.slice(at, at + 60))
  await browser.text(texts.at(-1))
  assert.deepEqual(browser.texts, texts)
}

export async function anyJSONIsCarriedAsItIs() {
  const browser = await join('carrier', 'cargo')
  const cargo = [
    null, 0, -1.5, true, '', 'a\u001eb\u2028c\u0000d', [], {}, [[[1]]], { 'ключ': '値', nested: { '_placeholder': true, num: 0 } },
    'x'.repeat(200_000),
  ]
  await call('/message', cargo.map((message) => ({ user: 'system', channel: 'cargo', message })))
  await browser.until('all of the cargo', () => browser.messages.length >= cargo.length)
  assert.deepEqual(browser.texts, cargo)
}
