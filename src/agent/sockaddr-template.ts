/**
 * Templates that Nomad itself renders, in the few keys that hold addresses or interfaces: Go's
 * text/template with the functions of go-sockaddr (template/template.go of v1.0.7).
 *
 * @module
 */

/** What a template may call. */
const functions: ReadonlySet<string> = new Set([
  // go-sockaddr.
  ...['GetAllInterfaces', 'GetDefaultInterfaces', 'GetPrivateInterfaces', 'GetPublicInterfaces'],
  ...['GetPrivateIP', 'GetPrivateIPs', 'GetPublicIP', 'GetPublicIPs'],
  ...['GetInterfaceIP', 'GetInterfaceIPs'],
  ...['sort', 'exclude', 'include', 'attr', 'join', 'limit', 'offset', 'unique', 'math'],
  // text/template itself.
  ...['and', 'call', 'eq', 'ge', 'gt', 'html', 'index', 'js', 'le', 'len', 'lt', 'ne', 'not', 'or'],
  ...['print', 'printf', 'println', 'slice', 'urlquery'],
  ...['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with'],
  ...['nil', 'true', 'false'],
])

/** Strings, raw strings and characters of an action, and comments. */
const quoted = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|\/\*[^]*?\*\//g

/**
 * Why Nomad cannot render a text, as far as the text itself tells.
 *
 * @param text The value of a key that Nomad renders.
 * @returns A clause; `undefined` for a text without a template, and for one that can be rendered.
 */
export function templateFault(text: string): string | undefined {
  if (!text.includes('{{')) return undefined
  // No address is as long, and the search for quotes is not made for more.
  if (text.length > 4096) return 'is too long for an address'
  // What is quoted can hold anything, the end of an action too.
  let characters = 0
  const bare = text.replace(quoted, (found) => {
    if (found.startsWith("'") && !/^'(?:[^\\]|\\.[^']*)'$/u.test(found)) characters += 1
    return ' "" '
  })
  if (characters > 0) return 'holds text in single quotes, which are for one character'
  const scoped = /\{\{-?\s*(?:range|with|define|block)\b/.test(bare)
  for (const part of bare.split('{{').slice(1)) {
    const end = part.indexOf('}}')
    if (end === -1) return 'holds "{{" without "}}"'
    const action = part.slice(0, end).replace(/^-(?=\s)|(?<=\s)-$/g, '')
    if (action.trim() === '') return 'holds an empty template'
    for (const [word] of action.matchAll(/(?<![\w.$])[A-Za-z_]\w*/g)) {
      if (!functions.has(word))
        return `calls "${word.slice(0, 40)}", which go-sockaddr does not know`
    }
    const field = scoped ? null : /(?<![\w)\]$.])\.[A-Za-z_]\w*/.exec(action)
    if (field !== null) return `names "${field[0].slice(0, 40)}", which go-sockaddr does not know`
  }
  return undefined
}

/** A key that Nomad renders. */
export interface RenderedKey {
  /** The first keys of its place and its own: `client.host_network.interface`, whatever the label. */
  readonly path: string
  /** Who renders it; absent: every agent. */
  readonly role?: 'server' | 'client'
  /** Whether the agent stops where it cannot; else the value has no effect. */
  readonly stops: boolean
  readonly source: string
}

/** Every key that Nomad renders (all places of 1.11.3). */
export const renderedKeys: readonly RenderedKey[] = [
  { path: 'bind_addr', stops: true, source: 'command/agent/config.go:2242' },
  { path: 'addresses.http', stops: true, source: 'command/agent/config.go:2250' },
  { path: 'addresses.rpc', stops: true, source: 'command/agent/config.go:2256' },
  { path: 'addresses.serf', stops: true, source: 'command/agent/config.go:2262' },
  { path: 'advertise.http', stops: true, source: 'command/agent/config.go:2277' },
  { path: 'advertise.rpc', stops: true, source: 'command/agent/config.go:2283' },
  {
    path: 'advertise.serf',
    role: 'server',
    stops: true,
    source: 'command/agent/config.go:2290-2291',
  },
  {
    path: 'client.network_interface',
    role: 'client',
    stops: true,
    source: 'command/agent/config.go:2299-2300',
  },
  { path: 'consul.address', stops: true, source: 'nomad/structs/config/consul.go:342' },
  {
    path: 'consul.grpc_address',
    stops: false,
    source: 'client/allocrunner/consul_grpc_sock_hook.go:263',
  },
  {
    path: 'client.host_network.interface',
    role: 'client',
    stops: false,
    source: 'client/fingerprint/network.go:240',
  },
]
