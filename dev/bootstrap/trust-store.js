import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

/** Where distributions keep the certificates that the machine trusts: those of a company's proxy among them. */
const BUNDLES = [process.env['NODE_EXTRA_CA_CERTS'], process.env['SSL_CERT_FILE'], '/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt']

/**
 * Writes the certificates that this machine trusts in Java's format (JKS), for a Java that did not come with the machine.
 * @param {string} path
 * @returns {boolean} false: no certificates were found, and nothing was written
 */
export function writeTrustStore(path) {
  const certificates = [...new Set(BUNDLES.flatMap(readCertificates))]
  if (certificates.length === 0) return false
  const entries = certificates.map((base64, at) => {
    const der = Buffer.from(base64, 'base64')
    return Buffer.concat([int32(TRUSTED_CERTIFICATE), text(`ca-${at}`), Buffer.alloc(8), text('X.509'), int32(der.length), der])
  })
  const content = Buffer.concat([int32(0xfeedfeed), int32(2), int32(entries.length), ...entries])
  // the format's own integrity check: salted with the password, in UTF-16, and a name
  const password = Buffer.from(TRUST_STORE_PASSWORD, 'utf16le').swap16()
  const digest = createHash('sha1').update(password).update('Mighty Aphrodite').update(content).digest()
  writeFileSync(path, Buffer.concat([content, digest]))
  return true
}

/** Java's customary one: a trust store holds no secret. */
export const TRUST_STORE_PASSWORD = 'changeit'
const TRUSTED_CERTIFICATE = 2

/** @param {string | undefined} path */
function readCertificates(path) {
  if (!path) return []
  try {
    const found = readFileSync(path, 'utf8').matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)
    return [...found].map(([, base64 = '']) => base64.replace(/\s/g, ''))
  } catch {
    // not every place exists on every machine
    return []
  }
}

/** @param {number} value */
function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** @param {string} value ASCII */
function text(value) {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(value.length)
  return Buffer.concat([length, Buffer.from(value)])
}
