// Who comes and goes, and how they are: the events of the seed.
import assert from 'node:assert/strict'
import { call, post } from '../app.js'
import { open } from '../client.js'
import { failingNetwork } from '../proxy.js'

const watched = { notify_presence: true, notify_state: true }

async function watcher(user, channel, settings = watched, options = {}) {
  await call('/channel_config', { [channel]: settings })
  const { conn_id: id } = await call('/connect', { user, channels: [channel] })
  const browser = open(`/stream?conn_id=${id}`, options)
  await browser.event('connect')
  return browser
}

// heard gives events without the connection's own and the offsets, which are last.
const heard = (browser) =>
  browser.events
    .filter(([name]) => !['connect', 'connect_error', 'disconnect', 'reconnect', 'ping', 'offset'].includes(name))
    .map(([name, ...args]) => {
      assert.equal(typeof args.at(-1), 'string', `${name} ends in an offset`)
      return name === 'message' ? [name, ...args[0].map((m) => m.message)] : [name, ...args.slice(0, -1)]
    })

export async function whoComesAndGoesIsToldByEventsInTheirOrder() {
  const alice = await watcher('told-alice', 'told')
  await post('before', { channel: 'told' })
  const { conn_id: id } = await call('/connect', {
    user: 'told-bob', channels: ['told'], fresh_user_state: { color: 'red', own: 1 }, state_public_keys: ['color'],
  })
  await post('between', { channel: 'told' })
  await call('/user_status', { user: 'told-bob', status: 2 })
  await call('/user_state', { user: 'told-bob', user_state: { color: 'blue' } })
  await call('/disconnect', { conn_id: id })
  await post('after', { channel: 'told' })
  await alice.text('after')
  assert.deepEqual(heard(alice), [
    ['message', 'before'],
    ['user_connect', { user: 'told-bob', status: 1, state: { color: 'red' } }],
    ['presence_join', 'told-bob', ['told']],
    ['message', 'between'],
    ['user_status', { user: 'told-bob', status: 2, state: { color: 'red' }, changed: [] }],
    ['user_status', { user: 'told-bob', status: 2, state: { color: 'blue' }, changed: [{ key: 'color', value: 'blue' }] }],
    ['presence_leave', 'told-bob', ['told']],
    ['user_disconnect', { user: 'told-bob', status: 2, state: null }],
    ['message', 'after'],
  ])
}

export async function aUserWhoIsThereAlreadyOnlyJoins() {
  const alice = await watcher('more-alice', 'more')
  await call('/channel_config', { 'more-first': watched })
  const { conn_id: id } = await call('/connect', { user: 'more-bob', channels: ['more-first'] })
  await call('/subscribe', { conn_id: id, channels: ['more'] })
  await call('/unsubscribe', { conn_id: id, channels: ['more'] })
  await post('end', { channel: 'more' })
  await alice.text('end')
  assert.deepEqual(heard(alice), [['presence_join', 'more-bob', ['more']], ['presence_leave', 'more-bob', ['more']], ['message', 'end']])
}

export async function aChannelThatTellsItsListTellsItToo() {
  const alice = await watcher('list-alice', 'list', { ...watched, broadcast_presence_with_user_lists: true })
  await call('/connect', { user: 'list-bob', channels: ['list'] })
  const [user, channels, users] = await alice.event('presence_join')
  assert.deepEqual([user, channels], ['list-bob', ['list']])
  assert.deepEqual(users, [{ user: 'list-alice', state: {} }, { user: 'list-bob', state: {} }])
}

export async function whoCameAndWentMeanwhileIsToldOnceAndInOrder() {
  const network = await failingNetwork()
  try {
    const alice = await watcher('away-alice', 'away', watched, { address: network.url })
    const bobs = []
    for (const round of ['here', 'away', 'back']) {
      const { conn_id: id } = await call('/connect', { user: `away-${round}`, channels: ['away'] })
      bobs.push(id)
      if (round === 'here') {
        await alice.event('presence_join')
        network.fail()
        await alice.event('disconnect')
      }
      await post(round, { channel: 'away' })
      if (round === 'away') await call('/disconnect', { conn_id: bobs[0] })
    }
    network.recover()
    await alice.text('back')
    assert.equal(alice.socket.recovered, true)
    const came = (user) => [['user_connect', { user, status: 1, state: {} }], ['presence_join', user, ['away']]]
    assert.deepEqual(heard(alice), [
      ...came('away-here'), ['message', 'here'], ...came('away-away'), ['message', 'away'],
      ['presence_leave', 'away-here', ['away']], ['user_disconnect', { user: 'away-here', status: 1, state: null }],
      ...came('away-back'), ['message', 'back'],
    ])
  } finally {
    network.close()
  }
}
