// What drivers say to the test and are told: a JSON object a line. {"client": 7, "do": "open", …} asks for something,
// {"client": 7, "event": "connect", "args": […]} tells what happened.
import { createInterface } from 'node:readline'

export const tellOf = (client) => (event, ...args) => process.stdout.write(JSON.stringify({ client, event, args }) + '\n')

// obey does what it is asked until the test has nothing more to ask; for each client, one after the other.
export async function obey(work) {
  const last = new Map()
  process.stdout.write('{"event": "ready"}\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    const { client } = request
    last.set(client, Promise.resolve(last.get(client)).then(() => work(request)).catch((err) => tellOf(client)('failed', err.stack)))
  }
}
