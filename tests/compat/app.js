// The app's side: signed calls to the HTTP API, made with nothing but Node, as an app in any language would make them.
import { createHmac } from 'node:crypto'

const { CHANNELSTREAM_URL: url, CHANNELSTREAM_SECRET: secret } = process.env

export { url }

// sign makes the seed's signature of a path or a user name: BASE64(HMAC-SHA256(secret, "<text>.<seconds>")).<seconds>
export function sign(text, age = 0, key = secret) {
  const seconds = Math.floor(Date.now() / 1000) - age
  return createHmac('sha256', key).update(`${text}.${seconds}`).digest('base64') + '.' + seconds
}

// call posts to an endpoint and gives the decoded answer; anything but a 200 is an error.
export async function call(path, body) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-channelstream-secret': sign(path) },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`)
  return JSON.parse(text)
}

// allow lets a user join channels.
export const allow = (user, ...channels) => call('/subscribe', { user, channels })

// post posts one message; text is its content.
export const post = (text, where) => call('/message', { user: 'system', message: text, ...where })
