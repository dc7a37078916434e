/** One step of the schema. Steps are never changed once released: the checksum of what was applied is compared at every start. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

// Byte order ("C") on ids: several times cheaper to compare than a language's order, and a cursor over it is the same everywhere.
const TRADE_COLUMNS = `
  counterparty_id varchar(50) COLLATE "C",
  book_id varchar(50) COLLATE "C",
  maturity_date date,
  created_date date,
  expired boolean,
  deleted boolean NOT NULL DEFAULT false,
  last_updated timestamptz NOT NULL,
  attributes jsonb,
  source_partition integer NOT NULL,
  source_offset bigint NOT NULL,
  source_generation integer NOT NULL`

/** Content columns are null only for a trade of which nothing but its delete was ever seen: compaction had removed its states. */
export const TRADE_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'progress of the sinks',
    sql: `
CREATE TABLE sink_generations (
  generation integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cluster_id text NOT NULL,
  topic_id text NOT NULL,
  topic text NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (cluster_id, topic_id)
);
CREATE TABLE sink_progress (
  group_id text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  generation integer NOT NULL REFERENCES sink_generations,
  epoch bigint NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);`,
  },
  {
    version: 2,
    name: 'trades and their versions',
    sql: `
CREATE TABLE trades (
  trade_id varchar(50) COLLATE "C" PRIMARY KEY,
  version integer,${TRADE_COLUMNS}
) WITH (fillfactor = 85);
CREATE INDEX trades_book_id ON trades (book_id);
CREATE INDEX trades_maturity_date ON trades (maturity_date);
CREATE INDEX trades_expired ON trades (expired);
CREATE INDEX trades_counterparty_id ON trades (counterparty_id);
CREATE INDEX trades_book_id_expired_maturity_date ON trades (book_id, expired, maturity_date);
CREATE TABLE trade_versions (
  trade_id varchar(50) COLLATE "C",
  version integer,${TRADE_COLUMNS},
  PRIMARY KEY (trade_id, version)
);`,
  },
]
