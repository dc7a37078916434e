import type { Serde } from './serde.ts'

/** UTF-8 text. Faulty sequences are read as U+FFFD. */
export const string: Serde<string> = {
  read: (view) => view.toString(),
  write: (text, target) => target.utf8(text),
}
