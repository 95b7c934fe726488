// The clients themselves, as a page uses them: each opens one, tells what happens to it, and gives what can be done with it.
// The file is loaded by Node and by pages alike.
//
// What is told has the same names for all: connect; drop, after which the client comes back by itself; over, after which it
// does not; and the events of Socket.IO by their own names, of which message has a list.

const events = [
  'message', 'join', 'leave', 'user_connect', 'user_disconnect', 'presence_join', 'presence_leave', 'user_status', 'missed',
]

// quick has a client try again sooner than it does by default, so that a drop of 0.1 s is one.
const quick = { reconnectionDelay: 100, reconnectionDelayMax: 500 }

const search = (query) => '?' + new URLSearchParams(query)

function listen(socket, tell) {
  socket.on('connect', () => tell('connect'))
  for (const name of events) socket.on(name, (...args) => tell(name, ...args))
}

// The page of the seed's README, in its own words but for the address.
function seedPage(io, { url, query, transports }, tell) {
  const data = query
  const old = { 'force new connection': true, forceNew: true, ...(transports ? { transports } : {}) } // of one page are many here
  const socket = io.connect(url + '/stream?username=' + data.username + '&sig=' + encodeURIComponent(data.sig), old)
  socket.on('connecting', function () {
    tell('connecting')
  })
  socket.on('connect', function () {
    tell('connect')
    socket.emit('join', ['pub_chan', 'pub_chan2'].map((name) => name + data.username)) // channels of its own
  })
  socket.on('disconnect', function () {
    tell('drop')
  })
  socket.on('user_connect', function (message, callback) {
    tell('user_connect', message)
  })
  socket.on('message', function (messages) {
    tell('message', messages)
  })
  socket.on('join', function (channels) {
    tell('join', channels)
  })
  socket.on('leave', function (channels) {
    tell('leave', channels)
  })
  return { emit: (...event) => socket.emit(...event), close: () => socket.disconnect() }
}

// Clients 3 and 4. What opened the transport and is refused all the same is over.
function modern(io, { url, query, transports, credentials }, tell) {
  let auth = query
  const socket = io(url + '/stream', {
    forceNew: true, ...quick, auth: (cb) => cb(auth), withCredentials: credentials, ...(transports ? { transports } : {}),
  })
  socket.on('disconnect', (reason) => tell(socket.active && reason !== 'io server disconnect' ? 'drop' : 'over', reason))
  socket.on('connect_error', (err) => tell(!socket.active || socket.io._readyState === 'open' ? 'over' : 'drop', err.message))
  listen(socket, tell)
  return {
    emit: (...event) => socket.emit(...event),
    close: () => socket.io._close(),
    fresh: (query) => { auth = query; socket.connect() },
  }
}

// Clients 1 and 2 take credentials from the URL, so that other ones need another socket.
function middle(io, request, tell) {
  const { url, query, transports, jsonp } = request
  let socket
  const open = (query) => {
    socket = io(url + '/stream' + search(query), {
      forceNew: true, ...quick, ...(transports ? { transports } : {}), ...(jsonp ? { forceJSONP: true } : {}),
    })
    socket.on('disconnect', (reason) => tell(reason === 'io server disconnect' ? 'over' : 'drop', reason))
    socket.on('connect_error', (err) => tell('drop', String(err)))
    socket.on('error', (err) => tell(err instanceof Error ? 'drop' : 'over', err instanceof Error ? err.message : err))
    listen(socket, tell)
  }
  open(query)
  return {
    emit: (...event) => socket.emit(...event),
    close: () => socket.io.close(),
    fresh: (query) => { socket.io.close(); open(query) },
  }
}

// Client 0.9. It gives up after ten attempts unless it is told otherwise.
function ancient(io, { url, query, transports }, tell) {
  let socket
  const open = (query) => {
    socket = io.connect(url + '/stream' + search(query), {
      'force new connection': true, 'reconnection delay': 50, 'reconnection limit': 500, 'max reconnection attempts': 1000,
    })
    if (transports) socket.socket.options.transports = transports // as an option it would be merged into the list of all clients
    socket.on('disconnect', (reason) => tell(reason === undefined || reason === 'booted' ? 'over' : 'drop', reason))
    socket.on('error', (err) => tell('over', String(err)))
    socket.on('connect_failed', (why) => tell('over', why ?? 'connect_failed'))
    listen(socket, tell)
  }
  open(query)
  const close = () => { socket.socket.options.reconnect = false; socket.socket.disconnect() }
  return {
    emit: (...event) => socket.emit(...event), close,
    fresh: (query) => { close(); open(query) },
  }
}

// finals are the reasons after which a client stays away.
const finals = ['replaced', 'disconnected']

function eventSource(_, { url, query, credentials, EventSource = globalThis.EventSource }, tell) {
  let source
  const open = (query) => {
    source = new EventSource(url + '/sse' + search(query), { withCredentials: credentials })
    source.onopen = () => tell('connect')
    source.onmessage = ({ data }) => tell('message', JSON.parse(data))
    source.addEventListener('close', ({ data }) => {
      const word = JSON.parse(data)
      if (!finals.includes(word)) return
      source.close()
      tell('over', word)
    })
    source.onerror = ({ code }) => tell(source.readyState === 2 ? 'over' : 'drop', String(code ?? 'error'))
  }
  open(query)
  return { close: () => source.close(), fresh: (query) => { source.close(); open(query) } }
}

// The loop of docs/clients.md; without since, one that hands back no offset.
function webSocket(_, { url, query, since, WebSocket = globalThis.WebSocket }, tell) {
  let socket, offset, ended
  const open = (query) => {
    const own = socket = new WebSocket(url.replace('http', 'ws') + '/ws' + search(since ? { ...query, since: offset } : query))
    own.onopen = () => tell('connect')
    own.onmessage = ({ data }) => {
      const list = JSON.parse(data)
      for (const m of list) offset = m.offset ?? offset
      tell('message', list)
    }
    own.onerror = () => {} // it closes then
    own.onclose = ({ code, reason }) => {
      if (own !== socket || ended) return
      if (finals.includes(reason)) return tell('over', reason)
      tell('drop', code + ' ' + reason)
      setTimeout(() => own === socket && !ended && open(query), 100 + 200 * Math.random())
    }
  }
  const begin = (query) => { offset = ''; open(query) }
  begin(query)
  const close = () => { const own = socket; socket = undefined; own.close() }
  return { close: () => { ended = true; close() }, fresh: (query) => { close(); begin(query) } }
}

const families = { seedPage, modern, middle, ancient, eventSource, webSocket }

// open opens a client of a family with a library, if it needs one.
export const open = (family, library, request, tell) => families[family](library, request, tell)
