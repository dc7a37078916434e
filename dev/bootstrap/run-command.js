import { spawn } from 'node:child_process'

/**
 * @typedef {object} CommandResult
 * @property {number} status exit code; 127 where the command does not exist, 128 where a signal ended it
 * @property {string} output standard output and standard error, together
 */

/**
 * Runs a command to its end, without a terminal and with our environment: the user's mirrors, proxies and certificates hold.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options] `env` is added to ours
 * @returns {Promise<CommandResult>}
 */
export function runCommand(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
      })
    }
    child.on('error', (error) => resolve({ status: 127, output: `${output}${error.message}` }))
    child.on('close', (code) => resolve({ status: code ?? 128, output }))
  })
}

/**
 * The end of what a command said, for an error message.
 * @param {string} output
 */
export function lastLines(output) {
  return output.trimEnd().split('\n').slice(-15).join('\n')
}
