import { cached } from './cache.js'
import { pipInstall } from './pip.js'
import { SetupError, withProgress } from './progress.js'
import { lastLines, runCommand } from './run-command.js'
import { ensureSystemPackages, pip } from './system-packages.js'

const VERSION = '4.32.5'
/** With all that it needs, so that it is the same everywhere. */
const REQUIREMENTS = [
  'schemathesis==4.32.5',
  'anyio==4.16.0', 'certifi==2026.10.18', 'charset-normalizer==3.5.2', 'click==8.5.1', 'graphql-core==3.3.2', 'harfile==0.6.0', 'hypothesis==6.170.15',
  'hypothesis-graphql==0.13.5', 'idna==3.20', 'iniconfig==2.3.1', 'jsonschema_rs==0.60.3', 'markdown-it-py==4.3.0', 'MarkupSafe==3.0.4', 'mdurl==0.1.2',
  'packaging==26.3', 'pluggy==1.7.0', 'Pygments==2.21.0', 'pyrate-limiter==4.5.1', 'pytest==9.2.0', 'PyYAML==6.0.3', 'requests==2.34.2', 'rich==15.0.0',
  'sortedcontainers==2.4.0', 'typing_extensions==4.16.0', 'urllib3==2.8.0', 'Werkzeug==3.1.9',
]

/**
 * Schemathesis holds an HTTP API against its own OpenAPI.
 * @param {import('./progress.js').Progress} progress
 * @returns {Promise<string>} for PYTHONPATH: the folder that `python3 -m schemathesis.cli` is found in
 */
export async function ensureSchemathesis(progress) {
  // some of its parts are made for one release of Python, and the machine may get another
  const { output: release } = await runCommand('python3', ['-c', 'import sys; print(sys.implementation.cache_tag, end="")'])
  return cached(`schemathesis-${VERSION}-${release}-${process.arch}`, progress, async (target) => {
    await ensureSystemPackages([pip], progress)
    await withProgress(progress, 'installing schemathesis with pip (30 MB), for tests', () => pipInstall(REQUIREMENTS, target))
    const { status, output } = await runCommand('python3', ['-m', 'schemathesis.cli', '--version'], { env: { PYTHONPATH: target } })
    if (status !== 0) throw new SetupError(`schemathesis does not run on this machine:\n${lastLines(output)}`)
  })
}
