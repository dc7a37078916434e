import type { Serde } from './serde.ts'

/** Text as UTF-8, as Kafka's StringSerializer writes it. Faulty bytes become U+FFFD. */
export const string: Serde<string> = {
  read: (bytes) => bytes.toString(),
  write: (value, target) => target.utf8(value),
}
