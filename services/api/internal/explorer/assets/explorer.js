'use strict'
// The document stands in the page: one signature, that of the page, is enough to read both.
SwaggerUIBundle({
  spec: JSON.parse(document.getElementById('document').textContent),
  domNode: document.getElementById('explorer'),
  deepLinking: true,
  validatorUrl: null, // nothing is told to anybody else
  tryItOutEnabled: true
})
