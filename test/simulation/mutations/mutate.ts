import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { MUTATIONS } from './mutations.ts'

/** Loaded before anything else (`--import`), it puts the mutation that the environment names into the module that it is of. */
const name = process.env['SIMULATION_MUTATION']
const mutation = MUTATIONS.find((one) => one.name === name)
if (mutation === undefined) throw new Error(`SIMULATION_MUTATION names no mutation: ${name}`)
const root = fileURLToPath(new URL('../../..', import.meta.url))

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.startsWith('file:') || fileURLToPath(url) !== `${root}${mutation.file}`) return loaded
    const source = String(loaded.source)
    if (source.split(mutation.find).length !== 2) throw new Error(`${mutation.file} does not hold the text of the mutation «${mutation.name}» exactly once`)
    return { ...loaded, source: source.replace(mutation.find, () => mutation.replace) }
  },
})
