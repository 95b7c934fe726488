// Drives one client library under Node: node node.js PACKAGE
import { createRequire } from 'node:module'
import { EventSource } from 'eventsource'
import { WebSocket } from 'ws'
import { open } from './clients.js'
import { obey, tellOf } from './line.js'

const library = createRequire(import.meta.url)(process.argv[2])
const clients = new Map()

// What a client throws where nobody catches it is the fault of no other one.
process.on('uncaughtException', (err) => process.stderr.write(`${process.argv[2]}: ${err.stack}\n`))

async function work({ client, do: what, ...request }) {
  if (what === 'open') {
    clients.set(client, open(request.family, library, { ...request, EventSource, WebSocket }, tellOf(client)))
  } else {
    clients.get(client)[what](...request.args)
  }
}

await obey(work)
process.exit()
