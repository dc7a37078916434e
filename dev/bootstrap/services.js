import { ensureKafka, kafkaIsInstalled } from './kafka.js'
import { ensureLibrdkafka } from './librdkafka.js'
import { ensureMongo, mongoIsInstalled } from './mongo.js'
import { ensureSystemPackages, libcurl, maven, pip } from './system-packages.js'

/**
 * @typedef {{ kafka: boolean, mongo: boolean, librdkafka?: boolean }} WantedServices those that are to be embedded; PostgreSQL comes with npm; librdkafka is a client for tests
 */

/**
 * Sees to it that the machine has what the installation of these services needs: all at once, since nobody wants to learn of
 * the second missing package after installing the first, and before anything that takes long.
 * @param {WantedServices} wanted
 * @param {import('./progress.js').Progress} progress
 */
export function ensureMachine(wanted, progress) {
  const kafka = wanted.kafka && !kafkaIsInstalled()
  const mongo = wanted.mongo && !mongoIsInstalled()
  return ensureSystemPackages([...(kafka ? [maven] : []), ...(mongo ? [pip, libcurl] : [])], progress)
}

/**
 * Installs what these services need outside of node_modules.
 * @param {WantedServices} wanted
 * @param {import('./progress.js').Progress} progress
 */
export async function ensureServices(wanted, progress) {
  await ensureMachine(wanted, progress)
  const outcomes = await Promise.allSettled([
    wanted.kafka && !kafkaIsInstalled() ? ensureKafka(progress) : undefined,
    wanted.mongo && !mongoIsInstalled() ? ensureMongo(progress) : undefined,
    wanted.librdkafka ? ensureLibrdkafka(progress) : undefined,
  ])
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
