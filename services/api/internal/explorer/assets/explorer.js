'use strict'
const place = document.getElementById('explorer')
const { token } = place.dataset

// sign has the server sign a request that is about to be sent, if it is one that is signed. Who is not signed in any more gets the
// answer that an unsigned request gets.
async function sign (request) {
  const path = new URL(request.url, location.href).pathname
  const answer = await fetch('signature', { method: 'POST', body: new URLSearchParams({ token, path }), redirect: 'manual' })
  if (answer.ok) request.headers['x-channelstream-secret'] = await answer.text()
  return request
}

// The document stands in the page: one signature, that of the page, is enough to read both.
SwaggerUIBundle({
  spec: JSON.parse(document.getElementById('document').textContent),
  domNode: place,
  deepLinking: true,
  validatorUrl: null, // nothing is told to anybody else
  tryItOutEnabled: true,
  requestInterceptor: token ? sign : (request) => request
})
