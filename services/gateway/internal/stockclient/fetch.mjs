// Puts the stock Socket.IO clients of packages.json into files/, where the gateway embeds them: from npm, and only those whose
// hash is the one that is written there. Needs node, npm and tar. Does nothing when all are there.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname
const list = readFileSync(join(here, 'packages.json'), 'utf8')
const files = join(here, 'files')
const done = join(files, 'packages.json') // the list that is there

if (!existsSync(done) || readFileSync(done, 'utf8') !== list) {
  const folder = mkdtempSync(join(tmpdir(), 'socketio-client-'))
  try {
    for (const one of JSON.parse(list)) fetchOne(one, folder)
    replace(join(folder, 'ready'))
    writeFileSync(done, list)
  } catch (error) {
    console.error(`The stock Socket.IO clients can not be fetched: ${error.message}`)
    process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// replace puts what was fetched in the place of what is there.
function replace(ready) {
  rmSync(done, { force: true })
  for (const entry of readdirSync(files, { withFileTypes: true })) {
    if (entry.isDirectory()) rmSync(join(files, entry.name), { recursive: true })
  }
  cpSync(ready, files, { recursive: true })
}

function fetchOne({ version, integrity, full, min, licence }, folder) {
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', `socket.io-client@${version}`], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const archive = join(folder, `socket.io-client-${version}.tgz`)
  const hash = 'sha512-' + createHash('sha512').update(readFileSync(archive)).digest('base64')
  if (hash !== integrity) throw new Error(`socket.io-client ${version} is ${hash}, not ${integrity}`)
  execFileSync('tar', ['-xzf', archive, '-C', folder])
  const read = (name) => readFileSync(join(folder, 'package', name), 'utf8')
  const to = join(folder, 'ready', version)
  const contents = { 'socket.io.js': read(full), 'socket.io.min.js': read(min), LICENCE: licenceIn(read(licence)) }
  mkdirSync(to, { recursive: true })
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(to, name), text)
  rmSync(join(folder, 'package'), { recursive: true })
}

// licenceIn gives the licence in a file of it alone, or at the end of a read-me, where it has a heading.
function licenceIn(text) {
  const licence = text.split(/^#+ Licen[sc]e\s*$/m).at(-1).replaceAll('&lt;', '<').replaceAll('&gt;', '>').trim()
  if (!/Permission is hereby granted/.test(licence)) throw new Error('no licence was found')
  return licence + '\n'
}
