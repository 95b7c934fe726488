// The cases of seed09.js with the stock client 0.9.17 under Node.
import { createRequire } from 'node:module'
import { call, sign, url } from './app.js'
import * as page from './seed09.js'

const io = createRequire(import.meta.url)('socket.io-client-0.9')
const transport = process.env.COMPAT_TRANSPORTS
io.transports.splice(0, Infinity, transport)
const host = { io, url, transport, sign, app: call }

export const thePageAsWritten = () => page.thePageAsWritten(host)
export const aRefusedPageIsToldSo = () => page.aRefusedPageIsToldSo(host)
export const whatTheServerEndsStaysEnded = () => page.whatTheServerEndsStaysEnded(host)
