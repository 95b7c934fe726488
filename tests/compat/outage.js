// Clients that start while the gateway can not reach presence. Nobody touches them: the stock client has to come back by
// itself.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'
import { credentials, watch } from './client.js'
import { url } from './app.js'

async function comesBack(user, options) {
  const browser = watch(io(url + '/stream' + credentials(user), { forceNew: true, ...options }))
  await browser.event('connect')
  assert.deepEqual(browser.events.filter(([name]) => name === 'connect_error'), [], 'it was refused')
}

export const byDefault = () => comesBack('by default', {})
export const byPollingAlone = () => comesBack('polling', { transports: ['polling'] })
export const byWebSocketAlone = () => comesBack('websocket', { transports: ['websocket'] })
