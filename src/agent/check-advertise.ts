/**
 * Whether an agent knows which address to tell others: without one it does not start.
 *
 * @module
 */

import type { Diagnostic, Severity } from '../diagnostics.js'
import { diagnostic } from './codes.js'
import type { AgentConfig } from './read-agent-config.js'

/**
 * Finds the addresses that neither `advertise` nor what is bound gives (command/agent/config.go
 * normalizeAdvertise).
 *
 * @param config As read.
 * @param options `server`: whether the agent is one. `severity`: how bad it is where it is told.
 */
export function checkAdvertise(
  { values, files }: AgentConfig,
  { server, severity }: { readonly server: boolean; readonly severity: Severity },
): Diagnostic[] {
  const text = (path: string): string => String(values.get(path)?.value ?? '')
  return ['http', 'rpc', ...(server ? ['serf'] : [])].flatMap((which) => {
    const bound = (text(`addresses.${which}`) || text('bind_addr')).split(' ')[0]!
    if (text(`advertise.${which}`) !== '' || !isLoopback(bound)) return []
    const at = values.get(`addresses.${which}`)?.origin ?? values.get('bind_addr')?.origin
    const file = at?.file ?? files[0]?.file
    const message = `"advertise.${which}" is missing, and ${bound} is local`
    const hint = `advertise { ${which} = "ADDRESS" }`
    const place = at ?? { line: 1, column: 1 }
    return [diagnostic(severity, 'agent/advertise', place, message, { file, hint })]
  })
}

function isLoopback(address: string): boolean {
  return /^127\.|^(?:::1|\[::1\]|localhost)$/.test(address)
}
