// Runs every case of a module at once and prints a JSON line for each: {"case": "…", "error": "…"}; error is left out when
// it passed.
import { closeAll } from './client.js'

const cases = await import(process.argv[2])

async function run(name, test) {
  try {
    await test()
    return { case: name }
  } catch (err) {
    return { case: name, error: err.stack }
  }
}

await Promise.all(
  Object.entries(cases).map(async ([name, test]) => console.log(JSON.stringify(await run(name, test)))),
)
closeAll()
