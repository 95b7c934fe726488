// The pages work without this. With it, the overview moves by itself, and what closes connections asks first.

const every = 5000

async function refresh() {
  const shown = document.getElementById('live')
  if (!shown || document.hidden || shown.contains(document.activeElement)) return
  const response = await fetch(shown.dataset.live, { redirect: 'error' })
  if (!response.ok) return
  const page = new DOMParser().parseFromString(await response.text(), 'text/html')
  const fresh = page.getElementById('live')
  if (fresh) shown.replaceWith(document.adoptNode(fresh))
}

if (document.getElementById('live')) {
  setInterval(() => refresh().catch(() => {}), every) // the server may be away for a while
  document.addEventListener('visibilitychange', () => refresh().catch(() => {}))
}

document.addEventListener('submit', (event) => {
  const question = event.target.dataset.confirm
  if (question && !window.confirm(question)) event.preventDefault()
})
