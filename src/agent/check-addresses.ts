/**
 * Addresses, ports and the templates in them, as Nomad makes them out when it starts
 * (command/agent/config.go:2238-2307 normalizeAddrs, and what then listens).
 *
 * @module
 */

import { isIPv6 } from 'node:net'
import type { Diagnostic, Severity } from '../diagnostics.js'
import { asString, type Document, foldKey, type Literal, positionsIn } from '../hcl/index.js'
import { type AgentCode, diagnostic, type DiagnosticDetails } from './codes.js'
import { entriesOf, type Shaped } from './flatten.js'
import type { AgentConfig, Origin } from './read-agent-config.js'
import { renderedKeys, templateFault } from './sockaddr-template.js'
import type { Roles } from './value-rules.js'

type Ports = keyof AgentConfig['ports']

const ports = ['http', 'rpc', 'serf'] as const satisfies readonly Ports[]

/**
 * Checks what is effective after the merge.
 *
 * @param config As read.
 * @param roles What the agent is.
 */
export function checkAddresses(config: AgentConfig, roles: Roles): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const refuse = (
    code: AgentCode,
    { origin }: { readonly origin?: Origin | undefined },
    message: string,
    details: DiagnosticDetails = {},
  ): void => {
    if (origin === undefined) return
    diagnostics.push(diagnostic('error', code, origin, message, { file: origin.file, ...details }))
  }
  const rendered = new Set<string>()
  for (const { path, role } of renderedKeys) {
    const effective = config.values.get(path)
    if (effective === undefined || (role !== undefined && !roles[role])) continue
    const text = String(effective.value)
    const fault = templateFault(text)
    if (text.includes('{{')) rendered.add(path)
    if (fault !== undefined) {
      refuse('agent/template', effective, `"${path}" ${fault}: the agent stops`, {
        hint: 'render the file first, or write an address',
      })
    } else if (!rendered.has(path) && text.includes(' ') && path !== 'addresses.http') {
      refuse(
        'agent/value',
        effective,
        `"${path}" holds a space: Nomad takes it for two addresses`,
        {
          expected: 'one address',
        },
      )
    }
  }
  // HTTP listens everywhere, the other two on servers.
  const listening = ports.filter((which) => which === 'http' || roles.server)
  for (const which of listening) {
    const port = config.values.get(`ports.${which}`)!
    const value = Number(port.value)
    if (value < 1 || value > 65_535) {
      refuse('agent/value', port, `the port of ${which} is ${value}`, { expected: '1 to 65535' })
    }
    const path = `addresses.${which}`
    const own = config.values.get(path)
    const [bound, name] =
      own === undefined || own.value === ''
        ? ([config.values.get('bind_addr')!, 'bind_addr'] as const)
        : ([own, path] as const)
    const parts = rendered.has(name) ? [] : String(bound.value).split(' ')
    for (const part of parts) {
      if (!hasPort(part)) continue
      refuse('agent/value', bound, `"${name}" holds a port: Nomad cannot listen at "${part}"`, {
        expected: 'an address alone; its port stands in "ports"',
      })
    }
  }
  const [http, rpc] = [config.ports.http, config.ports.rpc]
  const apart = ['addresses.http', 'addresses.rpc'].some((path) => config.values.has(path))
  if (roles.server && http === rpc && !apart) {
    const at = config.values.get('ports.rpc')!
    refuse(
      'agent/value',
      at.origin === undefined ? config.values.get('ports.http')! : at,
      `HTTP and RPC have the same port, ${http}`,
    )
  }
  for (const which of ports) {
    const path = `advertise.${which}`
    const told = config.values.get(path)
    if (told === undefined || told.value === '' || rendered.has(path)) continue
    if (which === 'serf' && !roles.server) continue
    advertised(which, path, String(told.value), (message, expected) => {
      refuse('agent/advertise', told, message, { expected })
    })
  }
  return diagnostics

  function advertised(
    which: Ports,
    path: string,
    text: string,
    say: (message: string, expected: string) => void,
  ): void {
    const expected = 'an address that others reach, with a port or without'
    if (/^\[[^\]]*$/.test(text)) say(`"${path}" lacks a "]"`, expected)
    // A server resolves both and announces them (command/agent/agent.go:407-426, nomad/server.go:1217-1249).
    if (which === 'http' || !roles.server) return
    const { host, port } = splitPort(text)
    if (/^\d+$/.test(port ?? '') && Number(port) > 65_535) {
      say(`"${path}" holds the port ${port!.slice(0, 20)}`, '1 to 65535')
    }
    if (/^(?:0\.0\.0\.0|::|\[::\])$/.test(host)) {
      say(`"${path}" is ${host}, and a server cannot advertise that`, expected)
    }
  }
}

/** Go's `net.SplitHostPort`, for what has a port. */
function splitPort(text: string): { readonly host: string; readonly port?: string } {
  if (isIPv6(text)) return { host: text }
  const match = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(text)
  return match === null ? { host: text } : { host: match[1]!, port: match[2]! }
}

function hasPort(text: string): boolean {
  return splitPort(text).port !== undefined
}

/**
 * Finds texts in one document that look like templates that were never rendered. What Nomad renders
 * itself is not one of them; what it renders without merging it first is judged here.
 *
 * @param document As parsed.
 * @param file Its name.
 * @param roles What the agent is.
 */
export function checkTemplates(document: Document, file: string, roles: Roles): Diagnostic[] {
  const position = positionsIn(document.text)
  const diagnostics: Diagnostic[] = []
  for (const { keys, literal } of texts(document)) {
    if (diagnostics.length >= 1000) break
    const text = asString(document, literal)
    const path = pathOf(keys)
    const own = renderedKeys.find(
      (key) => key.path === path && (key.role === undefined || roles[key.role]),
    )
    const say = (severity: Severity, message: string): void => {
      diagnostics.push(
        diagnostic(severity, 'agent/template', position(literal.start), message, { file }),
      )
    }
    const open = text.indexOf('{{')
    const braces = open !== -1 && text.includes('}}', open + 2)
    if (own !== undefined && text.includes('{{')) {
      const fault = merged.has(path) ? undefined : templateFault(text)
      if (fault === undefined) continue
      say(
        own.stops ? 'error' : 'warning',
        `"${path}" ${fault}: ${own.stops ? 'the agent stops' : 'it has no effect'}`,
      )
    } else if ((own === undefined && braces) || /\{%|<%|@@\w+@@|^\$\{?[A-Z_]+\}?$/.test(text)) {
      say('warning', `the value of "${keys.at(-1)!}" looks like an unrendered template`)
    }
  }
  return diagnostics
}

/** Rendered after the merge: `checkAddresses` judges them. */
const merged: ReadonlySet<string> = new Set(
  renderedKeys.map(({ path }) => path).filter((path) => !/^consul\.|host_network/.test(path)),
)

/** Blocks whose values are for other programs, which may have templates of their own. */
const others = /^(?:plugin|http_api_response_headers|client\.(?:meta|options|template))(?:\.|$)/

interface Text {
  readonly keys: readonly string[]
  readonly literal: Literal
}

function* texts(document: Document): Generator<Text> {
  for (const { keys, value } of entriesOf(document)) {
    yield* within(
      keys.map(({ name }) => foldKey(name)),
      value,
    )
  }
}

function* within(keys: readonly string[], value: Shaped): Generator<Text> {
  // Past this depth Nomad has no key.
  if (keys.length > 6 || others.test(keys.join('.'))) return
  if (value.type === 'literal') {
    if (value.literal.kind === 'string') yield { keys, literal: value.literal }
  } else if (value.type === 'list') {
    for (const item of value.items) yield* within(keys, item)
  } else {
    for (const entry of value.entries) {
      yield* within([...keys, ...entry.keys.map(({ name }) => foldKey(name))], entry.value)
    }
  }
}

/** `client.host_network.public.interface` without its label. */
function pathOf(keys: readonly string[]): string {
  return keys.length === 4 && keys[1] === 'host_network'
    ? [keys[0], keys[1], keys[3]].join('.')
    : keys.join('.')
}
