// A network that can fail: what goes through the proxy is cut, and new connections are refused, when a case says so.
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { url } from './app.js'

export async function failingNetwork() {
  const { hostname, port } = new URL(url)
  const sockets = new Set()
  let down = false
  const server = createServer((near) => {
    if (down) return near.destroy()
    const far = connect(port, hostname)
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => { sockets.delete(socket); other.destroy() })
      socket.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => { for (const socket of sockets) socket.destroy() }
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    fail() { down = true; cut() },
    recover() { down = false },
    close() { server.close(); cut() },
  }
}
