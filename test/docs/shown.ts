/**
 * What a document shows of commands: each `console` block, run again on the cluster that the document's
 * own `init` line makes.
 *
 * @module
 */

import { blocksOf, startMachine } from './machine.js'

/** The document with the output that its commands give now. */
export function withOutput(text: string): string {
  const machine = startMachine()
  try {
    const cwd = machine.folder()
    const lines = blocksOf(text).flatMap((block) => (block.language === 'sh' ? block.lines : []))
    const init = lines.find((line) => line.startsWith('nomad-pki init '))
    if (init === undefined) throw new Error('no line of it runs `nomad-pki init`')
    const begun = machine.run(cwd, [init])
    if (begun.statuses[0] !== 0) throw new Error(`${init}\n${begun.said}`)
    let now = text
    for (const block of blocksOf(text)) {
      if (block.language !== 'console') continue
      const [command = ''] = block.lines
      if (!command.startsWith('$ nomad-pki ')) throw new Error(`not a command of ours: ${command}`)
      const { said } = machine.run(cwd, [command.slice(2)])
      now = now.replace(block.lines.join('\n'), () => `${command}\n${said.trim()}`)
    }
    return now
  } finally {
    machine.remove()
  }
}
