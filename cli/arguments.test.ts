import { expect, test } from 'vitest'
import { SettingsError } from '../config/load-settings.ts'
import { parseArguments } from './arguments.ts'

const OWN = { fresh: { kind: 'toggle', explanation: '' }, rate: { kind: 'text', explanation: '' } } as const

function parse(...argv: string[]) {
  return parseArguments(argv, OWN, { environment: {} })
}

function faultsOf(...argv: string[]): readonly string[] {
  try {
    parse(...argv)
  } catch (error) {
    if (error instanceof SettingsError) return error.faults
    throw error
  }
  return []
}

test.each([
  [['--topics-create', 'false'], false],
  [['--topics-create=false'], false],
  [['--topics-create', 'true'], true],
  [['--topics-create', '--threads', '2'], true],
  [['--topics-create'], true],
])('%j sets topics.create to %j', (argv, expected) => {
  expect(parse(...argv).settings.values['topics.create']).toBe(expected)
})

test('a toggle of a command leaves the word behind it alone unless it is true or false', () => {
  expect(parse('--fresh', 'false').flags.get('fresh')).toBe('false')
  expect(parse('--fresh', '--rate', '5').flags).toEqual(new Map([['fresh', 'true'], ['rate', '5']]))
})

test('--data and --brokers are short names', () => {
  const { values, sources } = parse('--data', '/d', '--brokers=b:1').settings
  expect([values['data.dir'], values['kafka.brokers'], sources.get('data.dir')]).toEqual(['/d', 'b:1', 'flag --data-dir'])
})

test('all faults are named at once', () => {
  expect(faultsOf('--rat', '1', 'word', '--fresh=yes', '--threads', '0', '--rate')).toEqual([
    '--rat is not known here; did you mean --rate?',
    '--fresh is "yes"; expected true or false',
    '--rate needs a value',
    '"1" is not expected here; flags begin with --',
    '"word" is not expected here; flags begin with --',
    expect.stringContaining('threads (flag --threads) is "0"'),
  ])
})

test('a command takes as many words as it says', () => {
  expect(parseArguments(['postgres'], {}, { environment: {}, positionals: 1 }).positionals).toEqual(['postgres'])
  expect(() => parseArguments(['postgres', 'mongo'], {}, { environment: {}, positionals: 1 })).toThrow('"mongo" is not expected here')
})
