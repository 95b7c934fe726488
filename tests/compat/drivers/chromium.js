// Drives clients in pages of Chromium: node chromium.js PROGRAM LIBRARY… The pages are of another origin than the server. All clients of
// one library are in one page, but for one that asks for a page of its own.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'
import { obey, tellOf } from './line.js'

const modules = new URL('../node_modules/', import.meta.url)
const served = {
  '/clients.js': new URL('clients.js', import.meta.url),
  '/4.8.js': new URL('socket.io-client/dist/socket.io.min.js', modules),
  '/1.0.js': new URL('socket.io-client-1.0/socket.io.js', modules),
  '/0.9.js': new URL('socket.io-client-0.9/dist/socket.io.js', modules),
}
const html = (library) => `<!doctype html><title>client</title>
${library ? `<script src="/${library}.js"></script>` : ''}
<script type="module">
import { open } from '/clients.js'
const clients = new Map()
window.work = ({ client, do: what, ...request }) => {
  if (what === 'open') clients.set(client, open(request.family, window.io, request, (...event) => tell(client, ...event)))
  else clients.get(client)[what](...request.args)
}
</script>`

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://page')
  const file = served[pathname]
  response.setHeader('content-type', file ? 'text/javascript' : 'text/html; charset=utf-8')
  response.end(file ? await readFile(file) : html(searchParams.get('library')))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const origin = `http://127.0.0.1:${server.address().port}`

const browser = await chromium.launch({ executablePath: process.argv[2], args: ['--no-sandbox'] })

// contexts are as profiles are: each has its own cookies and its own connections.
const contexts = new Map()

function contextFor({ library = '', credentials }) {
  const name = `${library} ${credentials}`
  if (!contexts.has(name)) contexts.set(name, browser.newContext().then(async (context) => {
    if (credentials) await context.addCookies([{ name: 'who', value: 'me', domain: '127.0.0.1', path: '/' }])
    await context.exposeFunction('tell', (client, ...event) => tellOf(client)(...event))
    return { context, shared: openPage(context, library) }
  }))
  return contexts.get(name)
}

async function openPage(context, library) {
  const page = await context.newPage()
  page.on('pageerror', (err) => process.stderr.write(`page of ${library}: ${err}\n`))
  return enter(page, library)
}

async function enter(page, library = '') {
  await page.goto(`${origin}/?library=${library}`)
  await page.waitForFunction(() => window.work)
  return page
}

const homes = new Map() // where each client is

async function work(request) {
  if (request.do === 'open') homes.set(request.client, home(request))
  const { page, opening } = await homes.get(request.client)
  if (request.do === 'leave') {
    await page.goto('about:blank')
    tellOf(request.client)('left')
  } else if (request.do === 'return') {
    await enter(page, opening.library)
    await page.evaluate((request) => window.work(request), opening)
  } else if (request.do === 'close' && opening.own) {
    await page.close()
  } else {
    await page.evaluate((request) => window.work(request), request)
  }
}

async function home(opening) {
  const { context, shared } = await contextFor(opening)
  return { page: await (opening.own ? openPage(context, opening.library) : shared), opening }
}

// What needs longest is done before the test begins: JSON of {library, credentials}.
for (const page of process.argv.slice(3)) await (await contextFor(JSON.parse(page))).shared

await obey(work)
await browser.close()
process.exit()
