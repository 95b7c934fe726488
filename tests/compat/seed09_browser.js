// The cases of seed09.js with the stock client 0.9.17 in a browser, by every transport; the outcomes are posted to the test.
import * as page from './seed09.js'

const ask = async (path, body) => {
  const response = await fetch(path, { method: 'POST', body })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  return response.text()
}
const { url } = await (await fetch('/config.json')).json()
const outcomes = []
for (const transport of ['websocket', 'xhr-polling', 'jsonp-polling']) {
  io.transports = [transport]
  const app = async (path, body) => JSON.parse(await ask('/app' + path, JSON.stringify(body)))
  const host = { io, url, transport, app, sign: (user) => ask('/sign', user) }
  for (const [name, test] of Object.entries(page)) {
    const error = await test(host).then(() => '', (err) => err.stack)
    outcomes.push({ case: `${transport}/${name}`, error })
  }
}
await ask('/report', outcomes.map((one) => JSON.stringify(one)).join('\n'))
