// What the demo's page does to open its socket, as a browser gets it from a server that serves everything below a path.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'
import WebSocket from 'ws'
import { url } from './app.js'

const page = new URL(url + process.env.COMPAT_DEMO)
Object.assign(globalThis, { location: page, WebSocket, window: { io } })
const script = await (await fetch(new URL('assets/transport.js', page))).text()
const { openSocketIO, openWebSocket } = await import('data:text/javascript,' + encodeURIComponent(script))

async function ask(path, body, token = '') {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + token }
  const response = await fetch(new URL(path, page), { method: 'POST', headers, body: JSON.stringify(body) })
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`)
  return response.json()
}

// enter opens the socket of a visitor, tells a story, and closes it.
async function enter(username, open, story) {
  const session = await ask('connect', { username, resume: false })
  const messages = []
  let waiting = () => {}
  let look // for what is new: Socket.IO's answer to the page's join comes first
  const changed = new Promise((resolve) => { look = resolve })
  const link = await new Promise((up, down) => {
    const opened = open(session, {
      up: () => up(opened),
      list: (objects) => { messages.push(...objects.filter((one) => one.type === 'message')); waiting() },
      changed: look,
      down: (_, reason) => down(new Error(reason)),
    })
  })
  const until = (count) => new Promise((done) => {
    waiting = () => messages.length >= count && done(messages)
    waiting()
  })
  await story({ say: (message) => ask('message', message, session.token), until, changed, session })
  link.close()
}

async function seesPlainNames(name, open) {
  await enter(name, open, async ({ say, until, changed, session }) => {
    assert.equal(session.user, name)
    assert.ok(session.prefix.length > 0)
    if (open === openSocketIO) await changed
    await say({ to: name, text: 'to myself' })
    const own = (one) => one.channel === null // others may speak to all meanwhile
    for (let count = 1; !(await until(count)).some(own); ) count++
    const first = (await until(1)).find(own)
    assert.deepEqual([first.user, first.message], [name, { text: 'to myself', to: name }])
    await say({ channel: 'pub_chan', text: 'to all' })
    const said = (one) => one.user === name && one.channel === 'pub_chan' && one.message.text === 'to all'
    for (let count = 2; !(await until(count)).some(said); ) count++
    const { people } = await ask('people', {}, session.token)
    assert.ok(people.some((one) => one.name === name && one.channels.includes('pub_chan')))
  })
}

export const aVisitorByWebSocketSeesPlainNames = () => seesPlainNames('wendy', openWebSocket)
export const aVisitorBySocketIOSeesPlainNames = () => seesPlainNames('sid', openSocketIO)
