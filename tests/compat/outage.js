// Clients that start while the gateway can not reach presence. Nobody touches them: the stock client has to come back by
// itself.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'
import { credentials, watch } from './client.js'
import { url } from './app.js'

// transportErrors are those after which the client tries again.
const transportErrors = ['websocket error', 'xhr poll error', 'xhr post error']

async function comesBack(user, options) {
  const browser = watch(io(url + '/stream' + credentials(user), { forceNew: true, ...options }))
  await browser.event('connect')
  const refusals = browser.events.filter(([name, why]) => name === 'connect_error' && !transportErrors.includes(why))
  assert.deepEqual(refusals, [], 'it was refused')
}

export const byDefault = () => comesBack('by default', {})
export const byPollingAlone = () => comesBack('polling', { transports: ['polling'] })
export const byWebSocketAlone = () => comesBack('websocket', { transports: ['websocket'] })
