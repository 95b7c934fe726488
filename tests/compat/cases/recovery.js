// Connection state recovery, as the stock client does it since 4.6: it gets a private id when it connects, remembers the
// last argument of events as its offset, and says both when it comes back.
import assert from 'node:assert/strict'
import { allow, call, post, sign } from '../app.js'
import { credentials, manager, open, watch } from '../client.js'
import { failingNetwork } from '../proxy.js'

async function through(query, prepare) {
  const network = await failingNetwork()
  const browser = open(`/stream${query}`, { address: network.url })
  await prepare(browser)
  return { network, browser }
}

export async function aClientThatComesBackIsRecoveredWithItsChannels() {
  await allow('recovering', 'recovery-a', 'recovery-b')
  const { network, browser } = await through(credentials('recovering'), async (browser) => {
    await browser.emit('join', ['recovery-a', 'recovery-b'])
  })
  try {
    await post('before', { channel: 'recovery-a' })
    await browser.text('before')
    const sid = browser.socket.id
    assert.equal(browser.socket.recovered, false, 'the first time there is nothing to recover')
    network.fail()
    await browser.event('disconnect')
    await post('missed a', { channel: 'recovery-a' })
    await post('missed b', { channel: 'recovery-b' })
    await post('missed private', { pm_users: ['recovering'] })
    await post('not for you', { channel: 'recovery-a', exclude_users: ['recovering'] })
    network.recover()
    await browser.event('connect', 2)
    assert.equal(browser.socket.recovered, true)
    assert.equal(browser.socket.id, sid, 'it is the same session')
    await post('after', { channel: 'recovery-b' })
    await browser.text('after')
    assert.deepEqual(browser.texts, ['before', 'missed a', 'missed b', 'missed private', 'after'])
    const late = browser.messages.filter((m) => m.catchup).map((m) => m.message)
    assert.deepEqual(late, ['missed a', 'missed b', 'missed private'])
  } finally {
    network.close()
  }
}

export async function aClientThatHeardNothingYetIsRecoveredToo() {
  const { conn_id: id } = await call('/connect', { user: 'quiet', channels: ['recovery-quiet'] })
  const { network, browser } = await through(`?conn_id=${id}`, (browser) => browser.event('connect'))
  try {
    network.fail()
    await browser.event('disconnect')
    await post('missed', { channel: 'recovery-quiet' })
    network.recover()
    await browser.event('connect', 2)
    assert.equal(browser.socket.recovered, true)
    await browser.text('missed')
    assert.deepEqual(browser.texts, ['missed'])
  } finally {
    network.close()
  }
}

export async function aClientThatComesBackAgainAndAgainGetsEachMessageOnce() {
  await allow('restless', 'recovery-restless')
  const { network, browser } = await through(credentials('restless'), async (browser) => {
    await browser.emit('join', ['recovery-restless'])
  })
  try {
    const want = []
    for (let round = 1; round <= 4; round++) {
      for (const part of ['here', 'away']) {
        want.push(`${round} ${part}`)
        if (part === 'away') {
          network.fail()
          await browser.event('disconnect', round)
        }
        await post(`${round} ${part}`, { channel: 'recovery-restless' })
        network.recover()
        await browser.text(`${round} ${part}`)
      }
    }
    assert.deepEqual(browser.texts, want)
    assert.equal(browser.socket.recovered, true)
  } finally {
    network.close()
  }
}

// Both namespaces share a connection, and each has a private id and an offset of its own.
export async function eachNamespaceOfAConnectionIsRecovered() {
  const network = await failingNetwork()
  try {
    await allow('recovering-twice', 'recovery-both')
    const one = manager({ username: 'recovering-twice', sig: sign('recovering-twice') }, network.url)
    const spaces = ['/', '/stream'].map((name) => watch(one.socket(name)))
    await Promise.all(spaces.map((space) => space.event('connect')))
    await spaces[0].emit('join', ['recovery-both'])
    const ids = spaces.map((space) => space.socket.id)
    const want = []
    const say = async (text) => {
      want.push(text)
      await post(text, { channel: 'recovery-both' })
    }
    for (let round = 1; round <= 3; round++) {
      await say(`${round} here`)
      await Promise.all(spaces.map((space) => space.text(`${round} here`)))
      network.fail()
      await Promise.all(spaces.map((space) => space.event('disconnect', round)))
      for (let n = 1; n <= 5; n++) await say(`${round} away ${n}`)
      network.recover()
      await Promise.all(spaces.map((space) => space.event('connect', round + 1)))
      assert.deepEqual(spaces.map((space) => space.socket.recovered), [true, true])
      assert.deepEqual(spaces.map((space) => space.socket.id), ids)
    }
    await say('after')
    for (const space of spaces) {
      await space.text('after')
      assert.deepEqual(space.texts, want)
      assert.deepEqual(space.all('missed'), [])
    }
    one._close()
  } finally {
    network.close()
  }
}

export async function aNamespaceThatIsLeftIsNotRecoveredThoughTheOtherStays() {
  const { conn_id: id } = await call('/connect', { user: 'half', channels: ['recovery-half'] })
  const one = manager({ conn_id: id })
  const [root, stream] = ['/', '/stream'].map((name) => watch(one.socket(name)))
  await Promise.all([root, stream].map((space) => space.event('connect')))
  await post('before', { channel: 'recovery-half' })
  await Promise.all([root, stream].map((space) => space.text('before')))
  root.socket.disconnect()
  await stream.emit('anything')
  await post('meanwhile', { channel: 'recovery-half' })
  await stream.text('meanwhile')
  root.socket.connect()
  await root.event('connect', 2)
  assert.equal(root.socket.recovered, false)
  await post('after', { channel: 'recovery-half' })
  await Promise.all([root, stream].map((space) => space.text('after')))
  assert.deepEqual(root.texts, ['before', 'after'])
  assert.deepEqual(stream.texts, ['before', 'meanwhile', 'after'])
}

export async function whatCanNotBeRecoveredIsSaid() {
  await allow('late', 'recovery-late')
  const browser = open('/stream' + credentials('late'))
  await browser.emit('join', ['recovery-late'])
  await post('before', { channel: 'recovery-late' })
  await browser.text('before')
  browser.socket._lastOffset = '1' // long gone from the log
  browser.socket.io.engine.close()
  await browser.event('connect', 2)
  assert.equal(browser.socket.recovered, false)
  assert.deepEqual(await browser.event('missed'), [{ type: 'missed', channel: null, since: 1 }])
}

export async function somebodyElsesPrivateIdIsWorthNothing() {
  await allow('pid-owner', 'recovery-owned')
  const owner = open('/stream' + credentials('pid-owner'))
  await owner.emit('join', ['recovery-owned'])
  await post('first', { channel: 'recovery-owned' })
  await owner.text('first')
  const thief = open('/stream' + credentials('thief'), { autoConnect: false })
  thief.socket._pid = owner.socket._pid
  thief.socket._lastOffset = '1'
  thief.socket.connect()
  await thief.event('connect')
  assert.equal(thief.socket.recovered, false)
  await post('second', { channel: 'recovery-owned' })
  await owner.text('second')
  await post('end', { pm_users: ['thief'] })
  await thief.text('end')
  assert.deepEqual(thief.texts, ['end'])
  assert.equal(owner.all('disconnect').length, 0, 'the owner stays')
}
