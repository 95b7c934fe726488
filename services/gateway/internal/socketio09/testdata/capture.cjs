// Prints what the stock client 0.9.17 sends, a JSON line each: node capture.cjs > client.golden
//
// It needs, beside it or above, node_modules with socket.io-client@0.9.17 and ws@8 (as ws8), and a chromium in the PATH for
// jsonp-polling, which only browsers have.
const { spawn } = require('node:child_process')
const { mkdtempSync, readFileSync } = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { WebSocketServer } = require('ws8')

const dist = path.join(path.dirname(require.resolve('socket.io-client')), '../dist/socket.io.js')
const words = ['1::', '1::/stream', '2::', '5:7+:/stream:{"name":"question","args":[1]}'] // what the server says, one after another

// story is what the page does; it runs here and in the browser.
function story(io, url) {
  const socket = io.connect(url + '/stream?username=Zo%C3%AB&sig=a%2Bb%3D', { 'force new connection': true, reconnect: false })
  socket.on('connect', () => {
    socket.emit('join', ['pub_chan', 'emoji 🎉', 'quoted "\\'])
    socket.emit('leave', 'pub_chan', () => {})
    socket.send('text: ü 🎉', () => {})
    socket.json.send({ a: ['\ufffd'] })
    socket.emit('bare')
  })
  socket.on('question', (n, answer) => {
    answer(n, '🎉')
    setTimeout(() => socket.disconnect(), 300)
    setTimeout(() => socket.socket.disconnect(), 3000)
  })
}

let transport, over
const record = (what, text) => console.log(JSON.stringify({ transport, what, text }))
const later = (act) => setTimeout(act, 200)

const server = http.createServer((request, response) => {
  const { pathname, search, searchParams } = new URL(request.url, 'http://test')
  const steady = search.replace(/([?&])t=\d+/, '$1t=0')
  const script = (text) => (searchParams.has('i') ? `io.j[${searchParams.get('i')}](${JSON.stringify(text)});` : text)
  if (pathname === '/') return response.end(`<!DOCTYPE html><meta charset=utf-8><script src="/client.js"></script><body><script>
    io.transports = ['jsonp-polling']; (${story})(io, location.origin)</script>`)
  if (pathname === '/client.js') return response.end(readFileSync(dist))
  if (/^\/socket.io\/1\/$/.test(pathname)) {
    record('handshake', pathname + steady)
    return response.end(`sid:60:60:${transport}`)
  }
  if (!pathname.startsWith('/socket.io/')) return response.writeHead(404).end()
  if (request.method === 'GET') {
    if (server.said === 0) record('poll', pathname + steady)
    const next = words[server.said++]
    if (next) later(() => response.end(script(next)))
    return
  }
  let body = ''
  request.on('data', (part) => { body += part })
  request.on('end', () => {
    record('post', body)
    response.end('1')
    if (['0::', 'd=%220%3A%3A%22'].includes(body)) over()
  })
})
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket, request) => {
  record('socket', request.url)
  for (const [at, word] of words.entries()) setTimeout(() => socket.send(word), 200 * (at + 1))
  socket.on('message', (text) => {
    record('frame', String(text))
    if (String(text) === '0::') over()
  })
})

async function capture(name, start) {
  transport = name
  server.said = 0
  const ended = new Promise((resolve) => { over = resolve })
  const stop = start()
  await ended
  stop?.()
}

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const io = require('socket.io-client')
  for (const name of ['websocket', 'xhr-polling']) {
    await capture(name, () => { io.transports.splice(0, 9, name); story(io, url) })
  }
  await capture('jsonp-polling', () => {
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--user-data-dir=' + mkdtempSync(os.tmpdir() + '/capture-')]
    const browser = spawn('chromium', [...flags, url], { stdio: 'ignore', detached: true })
    return () => process.kill(-browser.pid)
  })
  process.exit()
})
