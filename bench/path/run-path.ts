import { DataPath } from './data-path.ts'

/** Rounds of half a million records each on the same state; the first ones belong to compilers and to new keys. */
const ROUND_RECORDS = 500_000

/** What a record costs the stream thread where no broker is: the part of the work that is ours. */
export async function runPath(rounds: number): Promise<void> {
  const path = await DataPath.open()
  try {
    process.stdout.write('CPU of the thread, ns a record   process   seal, CRC   store    sum    bytes out\n')
    for (let round = 0; round <= rounds; round++) {
      const { processNs, sealNs, applyNs, outputBytes } = await path.run(ROUND_RECORDS)
      const columns = [processNs, sealNs, applyNs, processNs + sealNs + applyNs, outputBytes].map((value) => String(Math.round(value)).padStart(9))
      process.stdout.write(`${(round === 0 ? 'warming' : `round ${round}`).padEnd(31)}${columns.join(' ')}\n`)
    }
  } finally {
    await path.close()
  }
}
