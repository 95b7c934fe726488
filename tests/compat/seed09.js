// The page of the seed's README, written for Socket.IO 0.9, and what its app does meanwhile. It runs under Node and in browsers.
//
// host: { io, url, transport, sign(user) → sig, app(path, body) → answer }

const patience = 30_000

// openPage does what the page's script does, and keeps its events.
function openPage({ io, url }, username, sig) {
  const events = []
  const waiting = new Set()
  const socket = io.connect(url + '/stream?username=' + username + '&sig=' + encodeURIComponent(sig), { 'force new connection': true })
  for (const name of ['connecting', 'connect', 'connect_failed', 'disconnect', 'reconnect', 'error', 'message', 'join', 'leave']) {
    socket.on(name, (...args) => {
      events.push([name, ...args])
      for (const look of waiting) look()
    })
  }
  socket.on('connect', () => socket.emit('join', ['pub_chan', 'pub_chan2']))
  const until = (what, find) => new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`waited in vain for ${what}; events: ${JSON.stringify(events)}`)), patience)
    const look = () => {
      const found = find()
      if (!found) return
      clearTimeout(late)
      waiting.delete(look)
      resolve(found)
    }
    waiting.add(look)
    look()
  })
  const all = (name) => events.filter((event) => event[0] === name)
  const texts = () => all('message').flatMap(([, list]) => list.map((one) => one.message))
  return {
    socket, events, all, texts,
    event: (name, nth = 1) => until(`${name} number ${nth}`, () => all(name)[nth - 1]),
    text: (text) => until(text, () => texts().includes(text)),
  }
}

function same(got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

export async function thePageAsWritten(host) {
  const user = 'page09-' + host.transport
  await host.app('/subscribe', { user, channels: ['pub_chan', 'pub_chan2'] })
  const page = openPage(host, user, await host.sign(user))
  same(await page.event('join'), ['join', ['pub_chan', 'pub_chan2']])
  same(await page.event('connecting'), ['connecting', host.transport])

  const post = (text, where) => host.app('/message', { user: 'system', message: text, ...where })
  await post('public: ü 🎉 \u2028 "quoted" ' + user, { channel: 'pub_chan2' })
  await post('private ' + user, { pm_users: [user] })
  await post('private in a channel ' + user, { channel: 'pub_chan', pm_users: [user] })
  for (const text of ['public: ü 🎉 \u2028 "quoted" ', 'private ', 'private in a channel ']) await page.text(text + user)
  const burst = Array.from({ length: 50 }, (_, n) => ({ user: 'system', channel: n % 2 ? 'pub_chan' : 'pub_chan2', message: `🎉${user}${n}` }))
  await host.app('/message', burst) // more than one packet in a poll
  for (const { message } of burst) await page.text(message)

  const acked = new Promise((resolve) => page.socket.emit('leave', ['pub_chan2', 'never joined'], resolve))
  same(await acked, ['pub_chan2'])
  same(await page.event('leave'), ['leave', ['pub_chan2']])
  await post('not for ' + user, { channel: 'pub_chan2' })
  await post('end ' + user, { channel: 'pub_chan' })
  await page.text('end ' + user)
  same(page.texts().includes('not for ' + user), false)
  same(new Set(page.texts()).size, page.texts().length)

  page.socket.disconnect()
  await page.event('disconnect')
  same(page.all('reconnect'), [])
}

export async function aRefusedPageIsToldSo(host) {
  const page = openPage(host, 'page09-refused', 'wrong.1')
  same(await page.event('connect_failed'), ['connect_failed', 'unauthorized'])
  same(page.all('connect'), [])
  page.socket.socket.disconnect()
}

// whatTheServerEndsStaysEnded: the app ends a conn_id, and the client does not come back by itself.
export async function whatTheServerEndsStaysEnded(host) {
  const user = 'page09-ended-' + host.transport
  await host.app('/subscribe', { user, channels: ['pub_chan'] })
  const { conn_id: id } = await host.app('/connect', { user, channels: ['pub_chan'] })
  const page = openPage({ ...host, io: { connect: (_, options) => host.io.connect(host.url + '/stream?conn_id=' + id, options) } }, user, '')
  await page.event('join')
  same(await host.app('/disconnect', { conn_id: id }), true)
  same(await page.event('disconnect'), ['disconnect', 'booted'])
}
