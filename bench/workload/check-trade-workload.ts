import { TradeWorkload } from './trade-workload.ts'
import { workloadChecksum } from './workload-checksum.ts'

/** `node bench/workload/check-trade-workload.ts`: generates the 2,000,000 records and compares checksum and counts with the definition. Exit code 1 if they differ. */
const RECORDS = 2_000_000
const EXPECTED = {
  checksum: '2e5e1366',
  counts: { NEW: 465_354, NEXT_VERSION: 1_121_139, SAME_VERSION: 124_495, STALE: 150_217, DUPLICATE: 37_625, PAST: 100_198, MALFORMED: 972 },
}

const workload = new TradeWorkload()
const began = performance.now()
const { checksum, valueBytes } = workloadChecksum(workload, RECORDS)
const seconds = (performance.now() - began) / 1000
const found = { checksum, counts: workload.counts }
console.log(JSON.stringify(found), `mean value ${(valueBytes / RECORDS).toFixed(1)} bytes, ${(RECORDS / seconds / 1e6).toFixed(2)} M records/s with the checksum`)
if (JSON.stringify(found) !== JSON.stringify(EXPECTED)) {
  console.error(`the workload is not the one that is defined: expected ${JSON.stringify(EXPECTED)}`)
  process.exitCode = 1
}
