import { parseArgs } from 'node:util'
import { runPath } from './path/run-path.ts'
import { runQuick } from './quick/run-quick.ts'

const HELP = `npm run bench -- --quick     the floors of speed: drain, latency, PostgreSQL sink, restart, memory
npm run bench -- --path      what a record costs a stream thread without a broker, in ns of CPU

  --records N                records of a drain (default 2000000)
  --rounds N                 measured, after one to warm up (default 3)
  --report FILE              write the figures as JSON
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    path: { type: 'boolean', default: false },
    records: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help || !(values.quick || values.path)) process.stdout.write(HELP)
else if (values.path) await runPath(Number(values.rounds))
else process.exitCode = await runQuick({ records: Number(values.records), rounds: Number(values.rounds), report: values.report })
