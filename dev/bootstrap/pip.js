import { SetupError } from './progress.js'
import { lastLines, runCommand } from './run-command.js'
import { ownServicesHint } from './system-packages.js'

/**
 * Unpacks wheels into a folder, those that are named and no others. A Python that is "externally managed" (PEP 668) allows this, because `--target`
 * leaves the system's packages alone; no virtual environment is needed.
 * @param {string | readonly string[]} requirement
 * @param {string} target
 */
export async function pipInstall(requirement, target) {
  const args = ['-m', 'pip', 'install', '--no-user', '--no-deps', '--only-binary', ':all:', '--no-compile', '--target', target, ...[requirement].flat()]
  const result = await runCommand('python3', args, { env: { PIP_REQUIRE_VIRTUALENV: '0', PIP_ROOT_USER_ACTION: 'ignore' } })
  if (result.status === 0) return
  throw new SetupError(
    `pip could not install ${[requirement].flat().join(' ')} (exit code ${result.status}).\n${lastLines(result.output)}\n` +
      `It was: python3 ${args.join(' ')}\nIs the package index reachable from here (a proxy, a mirror in pip's configuration)?\n${ownServicesHint}`,
  )
}
