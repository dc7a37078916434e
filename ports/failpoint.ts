/**
 * A named place where a test may kill the process, or hold it: between an acknowledgement and EndTxn, in the middle of an append,
 * and the like. Production wires `noFailpoint`; a promise that is returned is awaited.
 */
export type Failpoint = (name: string) => void | Promise<void>

export const noFailpoint: Failpoint = () => {}
