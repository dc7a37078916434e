import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareResults, describeChanges } from './harness/compare.ts'
import { markdownOf } from './harness/markdown.ts'
import type { Results } from './harness/results.ts'
import { runScenario, type RunScenarioOptions } from './harness/run-scenario.ts'
import { runHttp } from './http/run-http.ts'
import { runOpening } from './opening/run-opening.ts'
import { runPath } from './path/run-path.ts'
import { runQuick } from './quick/run-quick.ts'
import { drain } from './scenarios/drain.ts'
import { endToEnd } from './scenarios/end-to-end.ts'
import { expiry } from './scenarios/expiry.ts'
import { idle } from './scenarios/idle.ts'
import { latency } from './scenarios/latency.ts'
import { memory } from './scenarios/memory.ts'
import { rebalance } from './scenarios/rebalance.ts'
import { restart } from './scenarios/restart.ts'
import { scale } from './scenarios/scale.ts'
import { sinkMongo } from './scenarios/sink-mongo.ts'
import { sinkPostgres } from './scenarios/sink-postgres.ts'
import { soak } from './scenarios/soak.ts'

const RESULTS = fileURLToPath(new URL('results', import.meta.url))

const SCENARIOS: Readonly<Record<string, (options: RunScenarioOptions) => Promise<Results>>> = {
  drain: (options) => runScenario(drain, options),
  latency: (options) => runScenario(latency, options),
  restart: (options) => runScenario(restart, options),
  memory: (options) => runScenario(memory, options),
  rebalance: (options) => runScenario(rebalance, options),
  soak: (options) => runScenario(soak, options),
  'end-to-end': (options) => runScenario(endToEnd, options),
  expiry: (options) => runScenario(expiry, options),
  scale: (options) => runScenario(scale, options),
  idle: (options) => runScenario(idle, options),
  'sink-postgres': (options) => runScenario(sinkPostgres, options),
  'sink-mongo': (options) => runScenario(sinkMongo, options),
}

const HELP = `npm run bench -- SCENARIO [--peer NAME]...   ours and peers in turn, on one warm broker; results in bench/results
npm run bench -- --compare OLD.json NEW.json  what changed beyond noise; exit code 3 on a loss of 10 % of ours
npm run bench -- --quick                      the floors of speed: drain, latency, PostgreSQL sink, restart, memory
npm run bench -- http                         the gateway: to the 202, to the outcome, to the row; status of requests; batches (--rates 1000,5000 --seconds 60)
npm run bench -- --path                       what a record costs a stream thread without a broker, in ns of CPU
npm run bench -- --opening                    CPU time of opening the stores of --keys trades (default 1000000), with the snapshot of the index and without

Scenarios: ${Object.keys(SCENARIOS).join(', ')}

  --peer NAME      kafka-streams, kafka-streams-2, kafka-streams-tuned, kafka-streams-prompt, kafka-streams-session, kafka-streams-move, kafkajs;
                   drain: producer-tool, kafkats-flow; sink-postgres, sink-mongo: bare-loop, kafka-connect
  --rounds N       of each contender (default 3)
  --records N      of a drain, and of each case of scale (default 2000000)
  --keys N,N       trades (default: restart and memory 1000000; rebalance and soak 500000; expiry 5000000)
  --rates N,N      records a second (default: latency 1000,5000,10000,20000; end-to-end 1000,5000; rebalance, expiry 10000; soak 5000)
  --load N         records a second during a restart (default 2000)
  --seconds N      of each measured stretch (default 60)
  --warm-seconds N before it (default 20)
  --minutes N      of a soak (default 30)
  --units N,N      threads and instances of scale (default 1,2,4,8), with --partitions (default 12,48); then --value-bytes (default 1000,10000)
  --expire N       trades of --keys that expire (default 100000)
  --warm-drains N  of a drain, unmeasured (default 3)
  --json FILE      the results in another place too
  --results DIR    where results go (default bench/results)
  --profile        CPU profiles of the contenders beside the results: the figures are lower then
  --report FILE    of --quick: the figures as JSON
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    path: { type: 'boolean', default: false },
    opening: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    peer: { type: 'string', multiple: true, default: [] },
    records: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    keys: { type: 'string' },
    rates: { type: 'string' },
    load: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '60' },
    units: { type: 'string', default: '1,2,4,8' },
    partitions: { type: 'string', default: '12,48' },
    'value-bytes': { type: 'string', default: '1000,10000' },
    expire: { type: 'string', default: '100000' },
    minutes: { type: 'string', default: '30' },
    'warm-seconds': { type: 'string', default: '20' },
    'warm-drains': { type: 'string', default: '3' },
    json: { type: 'string' },
    results: { type: 'string', default: RESULTS },
    profile: { type: 'boolean', default: false },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const [name = '', second = ''] = positionals
const scenario = SCENARIOS[name]
if (values.help) process.stdout.write(HELP)
else if (values.compare) process.exitCode = await compare(name, second)
else if (values.path) await runPath(Number(values.rounds))
else if (values.opening) await runOpening({ rounds: Number(values.rounds), keys: Number(values.keys ?? 1_000_000) })
else if (name === 'http') process.exitCode = await runHttp({ rates: (values.rates ?? '1000,5000').split(',').map(Number), seconds: Number(values.seconds), warmSeconds: Number(values['warm-seconds']) })
else if (values.quick) process.exitCode = await runQuick({ records: Number(values.records), rounds: Number(values.rounds), report: values.report })
else if (scenario !== undefined) process.stdout.write(markdownOf(await scenario(scenarioOptions())))
else {
  process.stderr.write(name === '' ? HELP : `There is no scenario ${name}; there are: ${Object.keys(SCENARIOS).join(', ')}\n`)
  process.exitCode = 2
}

function scenarioOptions(): RunScenarioOptions {
  return {
    peers: values.peer,
    rounds: Number(values.rounds),
    records: Number(values.records),
    keys: values.keys?.split(',').map(Number),
    rates: values.rates?.split(',').map(Number),
    loadRate: Number(values.load),
    seconds: Number(values.seconds),
    warmSeconds: Number(values['warm-seconds']),
    units: values.units.split(',').map(Number),
    partitions: values.partitions.split(',').map(Number),
    valueBytes: values['value-bytes'].split(',').map(Number),
    expire: Number(values.expire),
    minutes: Number(values.minutes),
    warmDrains: Number(values['warm-drains']),
    json: values.json,
    resultsDirectory: values.results,
    profile: values.profile,
  }
}

async function compare(oldFile: string, newFile: string): Promise<number> {
  const [before, after] = [await read(oldFile), await read(newFile)]
  const changes = compareResults(before, after)
  process.stdout.write(describeChanges(changes, before, after))
  return changes.some(({ verdict }) => verdict === 'loss') ? 3 : 0
}

async function read(file: string): Promise<Results> {
  // A file that this program wrote; another one fails where the scenario is compared.
  return JSON.parse(await readFile(file, 'utf8')) as Results
}
