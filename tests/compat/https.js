// A server that takes HTTPS only, asked in clear.
import assert from 'node:assert/strict'
import { open } from './client.js'

async function fails(path, transports) {
  const browser = open(path, { transports })
  const [message] = await browser.event('connect_error')
  assert.ok(message.includes('error'), message) // "xhr poll error", "websocket error"
  assert.equal(browser.socket.connected, false)
}

export const pollingFailsAtTheHandshake = () => fails('/stream', ['polling'])
export const aWebSocketFailsAtTheHandshake = () => fails('/stream', ['websocket'])
export const theDefaultFailsAtTheHandshake = () => fails('/', ['polling', 'websocket'])
