// The stock clients as pages load them from the server: by a script element, which makes them a global called io.
import assert from 'node:assert/strict'
import vm from 'node:vm'
import { url } from './app.js'

// page runs a script as a browser does, in a page that has what the clients look for while they load.
function page(script) {
  const document = {
    addEventListener() {}, documentElement: { style: {} }, createElement: () => ({}), getElementById() {}, getElementsByTagName: () => [],
  }
  const window = {
    location: new URL(url), navigator: { userAgent: '', platform: '' }, document,
    addEventListener() {}, setTimeout, clearTimeout, console, XMLHttpRequest: class {}, WebSocket: class {},
  }
  Object.assign(window, { window, self: window, global: undefined })
  vm.runInNewContext(script, window)
  return window
}

async function loads(query, version) {
  for (const name of ['socket.io.js', 'socket.io.min.js']) {
    const response = await fetch(`${url}/socket.io/${name}${query}`)
    const script = await response.text()
    assert.equal(response.status, 200, `${name}${query}: ${script}; is this a build without \`make deps\`?`)
    assert.match(script, new RegExp(`^/\\*! socket\\.io-client ${version.replaceAll('.', '\\.')}[.,][^]*Permission is hereby granted`))
    const { io } = page(script)
    assert.equal(typeof io.connect, 'function', `${name}${query} makes no io`)
  }
}

export const aPageGetsTheNewestClient = () => loads('', '4')
export const aPageGetsAClient4 = () => loads('?v=4', '4.8')
export const aPageGetsAClient3 = () => loads('?v=3', '3.1')
export const aPageGetsAClient2 = () => loads('?v=2', '2.5')
export const aPageGetsAClient1 = () => loads('?v=1', '1.7')
export const aPageOf2014GetsAClient09 = () => loads('?v=0.9', '0.9.17')
