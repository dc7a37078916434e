/** A subcommand. Its module is loaded only when it runs: `--help` answers at once. */
export interface Command {
  readonly name: string
  readonly summary: string
  readonly help: string
  load(): Promise<{ run(argv: readonly string[]): Promise<number | undefined> }>
}

const ROLE_FLAGS = `  --data DIR               folder of the state directory and of the embedded stack
  --kafka-brokers LIST     your own Kafka; without it the stack in --data
  every setting of \`tradewind config\` is a flag too`

export const COMMANDS: readonly Command[] = [
  {
    name: 'demo',
    summary: 'everything at once: stack, processor, sinks, gateway, load, one line a second',
    help: `tradewind demo: brings up Kafka, PostgreSQL and MongoDB on free loopback ports, starts the processor,
both sinks, the HTTP gateway and a load generator, and prints one line a second until Ctrl-C.

  --for DURATION           run that long, then drain, check the results and exit (20s, 2m)
  --rate N                 trades a second (default 2000)
  --seed N                 seed of the load generator (default: another one each time)
  --report FILE            write a JSON report (with --for)
  --fresh                  forget the data of earlier runs
${ROLE_FLAGS}

Examples:
  npm start
  npm start -- --for 20s --rate 2000 --report report.json
  npm start -- --data /tmp/trades --fresh
`,
    load: () => import('./demo.ts'),
  },
  {
    name: 'stack',
    summary: 'Kafka, PostgreSQL and MongoDB on loopback, for development and tests',
    help: `tradewind stack: brings up the embedded Kafka, PostgreSQL and MongoDB and runs until it is told to stop.

  --data DIR               where their data lies
  --json                   print one line {"brokers":"...","postgres":"...","mongo":"..."} when ready
  --fresh                  forget what is there
  --nodes 1|3              brokers; with 3 every partition is on each of them (default 1)

Roles that are started with the same --data find it.

Example:
  tradewind stack --json --data /tmp/stack
`,
    load: () => import('./stack.ts'),
  },
  {
    name: 'processor',
    summary: 'runs the trade topology (or one of your own)',
    help: `tradewind processor: runs a topology until SIGTERM; then it commits, leaves the group and exits.

Input topics keep their number of partitions: where a key's state lies depends on it. Within 10 s of a change, or
when a topic was deleted or made anew, every processor ends with exit code 1 and a message that names the topic.

  --topology FILE          a module that exports \`topology\` (default: the trade store)
  --threads N              stream threads
${ROLE_FLAGS}

Examples:
  tradewind processor --kafka-brokers kafka-1:9092 --data /var/lib/tradewind
  tradewind processor --topology docs/examples/word-count.ts --application-id word-count
`,
    load: () => import('./processor.ts'),
  },
  {
    name: 'sink',
    summary: 'writes what was committed to PostgreSQL or MongoDB',
    help: `tradewind sink postgres|mongo: runs a sink until SIGTERM.

${ROLE_FLAGS}
  --postgres-url URL       your own PostgreSQL
  --mongo-url URL          your own MongoDB

Example:
  tradewind sink postgres --postgres-url postgres://trades@db/trades --kafka-brokers kafka-1:9092
`,
    load: () => import('./sink.ts'),
  },
  {
    name: 'gateway',
    summary: 'HTTP: takes trades, answers what became of them',
    help: `tradewind gateway: serves HTTP until SIGTERM, and prints its address when it listens. Trades are written to Kafka; requests and
trades are looked up in the state stores of the processors, lists in PostgreSQL, audit and events in MongoDB.

  --http-listen HOST:PORT  where it listens (default 127.0.0.1:8080; port 0: any that is free)
${ROLE_FLAGS}

Examples:
  tradewind gateway --data .tradewind/data
  curl -i -H 'content-type: application/json' -H 'prefer: wait=2' http://127.0.0.1:8080/api/v1/trades -d '{"trade_id":"T1","version":1,
    "counterparty_id":"CP-1","book_id":"B1","maturity_date":"2099-05-20","created_date":"2026-12-11"}'
`,
    load: () => import('./gateway.ts'),
  },
  {
    name: 'produce',
    summary: 'sends generated trades',
    help: `tradewind produce: sends trades from a seeded generator.

  --rate N                 records a second; 0: as fast as possible (default 2000)
  --for DURATION           stop after that time
  --count N                stop after that many records
  --seed N                 seed of the generator (default 42)
  --workload NAME          mixed (every kind of outcome) or trade (the benchmark's)
  --keys N                 trades of the trade workload (default 500000)
  --unique                 each trade of the trade workload in turn: fills a store
  --topic NAME             default topics.prefix + trade.ingested
${ROLE_FLAGS}

Example:
  tradewind produce --rate 500 --for 10s --data .tradewind/data
`,
    load: () => import('./produce.ts'),
  },
  {
    name: 'expire',
    summary: 'runs expiry now, in every processor on this data folder',
    help: `tradewind expire: asks the processors that run on a data folder to expire what is due, and prints how many trades did.

${ROLE_FLAGS}

Example:
  tradewind expire --data .tradewind/data
`,
    load: () => import('./expire.ts'),
  },
  {
    name: 'topology',
    summary: 'prints a topology as text',
    help: `tradewind topology: prints sources, processors, stores and sinks in the form of Kafka Streams.

  --topology FILE          a module that exports \`topology\` (default: the trade store)

Example:
  tradewind topology
`,
    load: () => import('./topology.ts'),
  },
  {
    name: 'config',
    summary: 'prints every setting, its value and where it came from',
    help: `tradewind config: prints every setting with its value and where it came from; secrets are masked.

  --explain                print what each one means

Examples:
  tradewind config
  TRADEWIND_THREADS=2 tradewind config --explain
`,
    load: () => import('./config.ts'),
  },
]
