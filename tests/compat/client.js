// The client's side: a stock socket.io-client whose events are kept, so that a case can wait for them.
import { io, Manager } from 'socket.io-client'
import { sign, url } from './app.js'

// patience is how long a case waits for something; only a case that fails uses it up.
const patience = 20_000

const transports = process.env.COMPAT_TRANSPORTS?.split(',').filter(Boolean)
const opened = new Set()

// upgrades says whether a client that starts now is to move from polling to a WebSocket.
export const upgrades = !transports?.length

const options = (more) => ({
  forceNew: true,
  reconnectionDelay: 20,
  reconnectionDelayMax: 100,
  ...(upgrades ? {} : { transports }),
  ...more,
})

// credentials writes what the seed's example puts behind the URL.
export const credentials = (user, sig = sign(user)) => `?username=${encodeURIComponent(user)}&sig=${encodeURIComponent(sig)}`

// open connects as the seed's example does: io.connect(url + '/stream?username=…&sig=…').
export function open(path, { address = url, ...more } = {}) {
  return watch(io(address + path, options(more)))
}

// manager gives one connection for several namespaces.
export function manager(query, address = url) {
  const m = new Manager(address, options({ query }))
  opened.add(m)
  return m
}

// closeAll ends what the cases left open.
export function closeAll() {
  for (const m of opened) m._close()
}

// watch keeps the events of a socket.
export function watch(socket) {
  opened.add(socket.io)
  return new Client(socket)
}

class Client {
  events = [] // [name, ...arguments]
  #waiting = new Set()

  constructor(socket) {
    this.socket = socket
    const note = (...event) => {
      this.events.push(event)
      for (const look of this.#waiting) look()
    }
    socket.on('connect', () => note('connect'))
    socket.on('disconnect', (reason) => note('disconnect', reason))
    socket.on('connect_error', (err) => note('connect_error', err.message))
    socket.onAny(note)
    socket.io.on('reconnect', () => note('reconnect'))
    socket.io.on('ping', () => note('ping'))
  }

  // until waits until find gives something for the client, and gives that.
  async until(what, find) {
    const { promise, resolve, reject } = withResolvers()
    const look = () => {
      const found = find(this)
      if (found) resolve(found)
    }
    const late = setTimeout(() => {
      reject(new Error(`waited in vain for ${what}; events so far:\n${this.story()}`))
    }, patience)
    this.#waiting.add(look)
    look()
    try {
      return await promise
    } finally {
      clearTimeout(late)
      this.#waiting.delete(look)
    }
  }

  // story tells what happened so far, for the report of a case that failed.
  story() {
    return this.events.map((event) => JSON.stringify(event).slice(0, 200)).slice(-50).join('\n')
  }

  // event waits for the nth event of a name and gives its arguments.
  async event(name, nth = 1) {
    const event = await this.until(`${name} number ${nth}`, () => this.all(name)[nth - 1])
    return event.slice(1)
  }

  all(name) {
    return this.events.filter((event) => event[0] === name)
  }

  // messages are the objects of all lists so far, in order.
  get messages() {
    return this.all('message').flatMap(([, list]) => list)
  }

  get texts() {
    return this.messages.map((m) => m.message)
  }

  // text waits for a message with this content. What was posted before it, to the same channel, has come or never will.
  text(text) {
    return this.until(`the message ${text}`, () => this.messages.find((m) => m.message === text))
  }

  // moved waits until the client has gone from polling to a WebSocket.
  async moved() {
    if (!upgrades) return
    const { engine } = this.socket.io
    if (engine.transport.name === 'websocket') return
    await new Promise((resolve) => engine.once('upgrade', resolve))
  }

  // emit sends an event and waits for its ack.
  emit(...event) {
    return this.socket.timeout(patience).emitWithAck(...event)
  }
}

function withResolvers() {
  let resolve, reject
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}
