import { crashSuite } from '../testing/crash-suite.ts'
import { LogStore } from './log-store.ts'

const SMALL = { name: 'trades', partition: 0, segmentBytes: 1_500, deadShare: 0.3 }

crashSuite('the log store', (disk, directory) => LogStore.open({ ...SMALL, disk, directory }))
// What is opened is in part covered by one, in part not, or by one that is out of date.
crashSuite('the log store with snapshots of its index', (disk, directory) => LogStore.open({ ...SMALL, disk, directory, snapshotBytes: 500, snapshotPerIndexByte: 0 }), { powerCuts: 1 })
