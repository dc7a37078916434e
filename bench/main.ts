import { parseArgs } from 'node:util'
import { runQuick } from './quick/run-quick.ts'

const HELP = `npm run bench -- --quick     the floors of speed: drain, latency, PostgreSQL sink, restart, memory

  --records N                records of a drain (default 2000000)
  --rounds N                 drains that are measured, after one to warm the broker (default 3)
  --report FILE              write the figures as JSON
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    records: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help || !values.quick) process.stdout.write(HELP)
else process.exitCode = await runQuick({ records: Number(values.records), rounds: Number(values.rounds), report: values.report })
