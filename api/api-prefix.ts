/** Of every call but the probes. */
export const PREFIX = '/api/v1'
