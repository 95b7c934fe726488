// Runs every case at once and prints a JSON line for each: {"case": "…", "error": "…"}; error is left out when it passed.
import * as cases from './cases/index.js'
import { closeAll } from './client.js'

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
