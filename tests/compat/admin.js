// An operator at the admin page, in Chromium: what the page shows, and what its forms do to clients that are really there.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import WebSocket from 'ws'
import { call, url } from './app.js'

const { COMPAT_ADMIN_SECRET: secret, COMPAT_SHOTS: shots } = process.env
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// client connects a user by the app's word, and opens a WebSocket.
const sockets = []

async function client(user, ...channels) {
  const { conn_id: id } = await call('/connect', { user, channels })
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?conn_id=${id}`)
  sockets.push(socket)
  const got = []
  socket.on('message', (text) => got.push(...JSON.parse(text)))
  await new Promise((open, failed) => socket.on('open', open).on('error', failed))
  const closed = new Promise((done) => socket.on('close', done))
  return { id, socket, got, closed }
}

// faults are what axe-core finds.
async function faults(page) {
  if (!await page.evaluate('window.axe !== undefined')) await page.evaluate(axe)
  const { violations } = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
  return violations.map((v) => `${v.impact} ${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).slice(0, 3).join(' ')}`)
}

// sound fails for what a screen reader, or somebody who sees little, would stumble over, in light, in dark and on a phone.
async function sound(page, what) {
  for (const [name, media, width] of [['light', 'light', 1280], ['dark', 'dark', 1280], ['phone', 'light', 390]]) {
    await page.setViewportSize({ width, height: 860 })
    await page.emulateMedia({ colorScheme: media })
    if (name !== 'phone') assert.deepEqual(await faults(page), [], `${what}, ${name}`) // there it is as in light
    const wide = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    assert.ok(wide <= 0, `${what}, ${name}: the page is ${wide} pixels too wide`)
    if (shots) await page.screenshot({ path: `${shots}/admin-${what}-${name}.png` })
  }
  await page.setViewportSize({ width: 1280, height: 860 })
}

async function signIn(page, word = secret) {
  await page.fill('[name=user]', 'admin')
  await page.fill('[name=secret]', word)
  await page.click('button:text("Sign in")')
}

// A picture of a server where nothing happens says little.
async function bustle(page, rooms) {
  for (let second = 0; second < 60; second++) {
    const list = Array.from({ length: 4 + Math.round(3 * Math.sin(second / 7) + Math.random() * 3) },
      (_, i) => ({ channel: rooms[i % rooms.length], user: 'system', message: { text: `message ${second}.${i}` } }))
    await call('/message', list)
    await page.waitForTimeout(1000)
  }
}

export async function anOperatorSeesWhoIsWhereAndSetsThingsRight() {
  const nasty = '<img src=x onerror=alert(1)>'
  await client('alice', 'news', 'sport')
  const bob = await client('bob', 'news')
  const mallory = await client(nasty, 'news')
  await call('/user_state', { user: 'alice', user_state: { color: 'red', seat: 12 }, state_public_keys: ['color'] })
  await Promise.all(Array.from({ length: 12 }, (_, i) => client(`guest-${i}`, `room-${i % 5}`, 'lobby')))
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage()
    page.setDefaultTimeout(60_000) // only a test that fails uses it up
    const complaints = []
    page.on('pageerror', (err) => complaints.push(String(err)))
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()))
    const asked = []
    page.on('dialog', (dialog) => { asked.push(dialog.message()); dialog.accept() })

    await page.goto(`${url}/admin`)
    assert.equal(new URL(page.url()).pathname, '/admin/sign_in')
    await signIn(page, 'a guess')
    await page.waitForSelector('text=That is not the name and the secret.')
    await sound(page, 'sign-in')
    await signIn(page)
    await page.waitForSelector('h1:text("Overview")')

    if (shots) await bustle(page, ['news', 'lobby', 'room-1'])
    const connections = () => page.textContent('.tile:has-text("Connections") .figure')
    assert.equal(await connections(), '15')
    await client('late', 'news')
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))) // or else in five seconds
    await page.waitForFunction(() => document.querySelector('.figure').textContent === '16')
    for (const service of ['api', 'gateway', 'presence']) assert.ok(await page.isVisible(`.service.${service}`), service)
    assert.ok(await page.isVisible('text=leads'))
    await sound(page, 'overview')

    await page.click('nav >> text=Channels')
    await page.fill('[name=search]', 'EW')
    await page.press('[name=search]', 'Enter')
    await page.waitForURL('**search=EW')
    assert.deepEqual(await page.locator('tbody a').allTextContents(), ['news'])
    await page.goto(`${url}/admin/ui/channels`)
    await sound(page, 'channels')
    await page.click('a:text-is("news")')

    await page.fill('[name=long_name]', 'The <News>')
    await page.check('[name=store_history]')
    await page.fill('[name=history_size]', '-1')
    await page.click('button:text("Save the settings")')
    await page.waitForSelector('[role=alert]:has-text("history_size")')
    complaints.length = 0 // a browser says of each 422 that it is one
    assert.ok(await page.isChecked('[name=store_history]'))
    await page.fill('[name=history_size]', '25')
    await page.click('button:text("Save the settings")')
    await page.waitForSelector('text=The settings are saved, and in force.')
    const { channels: { news } } = await call('/info', { channels: ['news'] })
    assert.deepEqual([news.long_name, news.settings.store_history, news.settings.history_size], ['The <News>', true, 25])

    await page.fill('textarea', '{"text": "hello <b>all</b>"}')
    await page.click('button:text("Post it")')
    await page.waitForSelector('text=The message is posted.')
    assert.match(await page.textContent('.history'), /hello <b>all<\/b>/)
    assert.deepEqual(bob.got.filter((m) => m.type === 'message' && m.user === 'admin').map((m) => m.message), [{ text: 'hello <b>all</b>' }])
    await sound(page, 'channel')
    await page.click('.history >> text=Did it arrive?')
    await page.fill('[name=who]', 'alice')
    await page.click('button:text("Ask")')
    await page.waitForSelector('h2 .badge:text("delivered")')
    assert.match(await page.textContent('main'), /It was accepted, and stored in the log at offset \d+/)
    await sound(page, 'explain')
    await page.goto(`${url}/admin/ui/channel?name=news`)
    await page.click(`tr:has-text("${bob.id}") button`)
    await page.waitForSelector('text=The connection is closed.')
    await bob.closed
    assert.equal(await page.locator(`tr:has-text("${bob.id}")`).count(), 0)

    await page.click('nav >> text=API')
    await page.click('#operations-app-post_info, [data-path="/info"] >> nth=0')
    await page.click('.opblock.is-open .execute')
    await page.waitForSelector('.live-responses-table .response-col_status:has-text("200")')
    assert.match(await page.textContent('.live-responses-table'), /unique_users/)
    if (shots) await page.screenshot({ path: `${shots}/admin-explorer-light.png` })
    await page.click('text=Back to the admin page')
    await page.click('nav >> text=Users')
    await page.waitForSelector('h1:text("Users")')
    assert.equal(await page.locator('main img').count(), 0)
    await sound(page, 'users')
    await page.click(`a:text-is("${nasty}")`)
    await page.waitForSelector('h1:has-text("onerror")')
    await page.click('button:text("Disconnect the user")')
    await page.waitForSelector('text=All connections of the user are closed.')
    await mallory.closed
    await page.goto(`${url}/admin/ui/user?name=alice`)
    assert.deepEqual(await page.locator('tr:has-text("color") td').allTextContents(), ['color', '"red"', 'yes'])
    assert.deepEqual(await page.locator('tr:has-text("seat") td').allTextContents(), ['seat', '12', 'no'])
    assert.ok(await page.isVisible('text=attached'))
    await sound(page, 'user')
    assert.equal(asked.length, 2)
    assert.deepEqual(complaints, [])

    await page.click('button:text("Sign out")')
    await page.goto(`${url}/admin/ui/users`)
    assert.equal(new URL(page.url()).pathname, '/admin/sign_in')

    const plain = await (await browser.newContext({ javaScriptEnabled: false })).newPage()
    await plain.goto(`${url}/admin`)
    await signIn(plain)
    await plain.waitForSelector('h1:text("Overview")')
    await plain.click('nav >> text=Channels')
    await plain.waitForSelector('a:text-is("news")')
  } finally {
    await browser.close()
    for (const socket of sockets) socket.terminate()
  }
}
