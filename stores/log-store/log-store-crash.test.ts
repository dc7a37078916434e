import { crashSuite } from '../testing/crash-suite.ts'
import { LogStore } from './log-store.ts'

crashSuite('the log store', (disk, directory) => LogStore.open({ name: 'trades', disk, directory, partition: 0, segmentBytes: 1_500, deadShare: 0.3 }))
