/**
 * `env`: what an operator's shell needs for the `nomad` command, and a machine in its own configuration.
 *
 * @module
 */

import path from 'node:path'
import { parseIdentity, resolveAddress } from '../../address.js'
import { pinFaults, placeOfMachine } from '../../delivery/pack-identity.js'
import { NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import { isAgent, profileOf, roleName, runsServer, type RoleLabel } from '../../nomad/roles.js'
import { endpointsOf, formatEndpoint } from '../../probe/endpoints.js'
import { environmentText, type EnvironmentFormat } from '../../report/shell.js'
import {
  policyComments,
  toolConfig,
  tools,
  type Tool,
  type ToolAccess,
} from '../../report/tool-config.js'
import type { Desired, DesiredIdentity } from '../../cluster/desired.js'
import { exitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf } from '../printer.js'
import { usage } from '../usage.js'
import { openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

/** Prints what a shell evaluates, a file of variables, or a part of a tool's configuration; the variables are those of Nomad's api/api.go:337-391. */
export const command: Command<'env'> = async ({ args: [name = ''], options }, context) => {
  const printer = printerOf(context, options)
  const format: EnvironmentFormat | Tool = options.format ?? 'sh'
  const workspace = await openWorkspace(context, options, printer)
  const { desired, store } = workspace
  const operators = desired.identities.filter(({ profile }) => !isAgent(profile.role))
  const address = resolveAddress(
    name,
    operators.map((operator) => operator.address),
  )
  const operator = operators.find((one) => one.address === address)!
  const { region } = operator.profile
  const inventory = await takeOwnInventory(workspace)
  const current = inventory.identities.get(address)?.current
  const leaf = current?.chain[0]
  if (leaf === undefined) {
    throw new NomadPkiError('ERR_STORE_MISSING', `${operator.name} has no certificate yet`, {
      address,
      hint: `nomad-pki apply ${operator.name}`,
    })
  }
  const pins = pinFaults(workspace.spec, operator.profile.bundle, Buffer.from(current!.bundle))
  if (pins.length > 0) {
    throw new NomadPkiError('ERR_PLAN_BLOCKED', pins.join('; '), {
      address,
      hint: 'nomad-pki plan says what to do about it',
    })
  }
  if (leaf.notAfter <= context.now()) {
    printer.tell(
      `warning: the certificate of ${operator.name} has expired; a new one: nomad-pki apply ${operator.name}`,
    )
  }
  const url =
    options.url === undefined ? defaultUrl(workspace, inventory, region) : parseUrl(options.url)
  if (options.url === undefined && url.host === '127.0.0.1') {
    printer.tell(
      `note: no server of ${region} has an address in the spec: assuming this host (--url names a different one)`,
    )
  }
  const { hosted } = profileOf(operator.profile.role)
  const directory = hosted
    ? path.posix.join(placeOfMachine(workspace.spec, operator).tls, 'current')
    : store.pathOf({ role: operator.profile.role, region, name: operator.name })
  const serverName = chooseServerName(options.serverName, url, region, desired, inventory)
  const variables: (readonly [string, string])[] = [
    ['NOMAD_ADDR', url.text],
    ['NOMAD_REGION', region],
    ['NOMAD_CACERT', path.join(directory, 'ca.pem')],
    ['NOMAD_CLIENT_CERT', path.join(directory, 'cert.pem')],
    ['NOMAD_CLIENT_KEY', path.join(directory, 'key.pem')],
  ]
  if (serverName !== undefined) variables.push(['NOMAD_TLS_SERVER_NAME', serverName])
  if (printer.json) {
    const environment = Object.fromEntries(variables)
    printer.document({ format: 'nomad-pki/env', version: 1, operator: address, environment })
  } else {
    const access: ToolAccess = {
      ...{ url: url.text, region, serverName, scraped: [] },
      ca: path.join(directory, 'ca.pem'),
      cert: path.join(directory, 'cert.pem'),
      key: path.join(directory, 'key.pem'),
    }
    const scraped = (): ToolAccess['scraped'] =>
      options.url === undefined ? scrapeGroups(workspace, inventory, region, options) : []
    const text = isTool(format)
      ? toolConfig({ ...access, scraped: format === 'prometheus' ? scraped() : [] }, format)
      : environmentText(variables, format)
    if (text === undefined) {
      throw usage(
        `--format ${format}: a path or name has a line break, and ${format} has no way to say it`,
        '--format json',
      )
    }
    if (format === 'traefik' && serverName !== undefined) {
      printer.tell(
        `warning: no server's certificate holds ${url.host}, and Traefik has no key for another name: give it an address that is in one (--url)`,
      )
    }
    printer.answer((isTool(format) ? '' : headOf(hosted, format)) + text)
    if (context.stdout.isTTY && format === 'sh') {
      printer.tell(`# in the shell itself: eval "$(nomad-pki env ${operator.name} …)"`)
    }
  }
  return exitStatus.ok
}

function isTool(format: EnvironmentFormat | Tool): format is Tool {
  return (tools as readonly string[]).includes(format)
}

/** A file of variables for a machine says what else it needs; a person's shell has the person's own token. */
function headOf(hosted: boolean, format: EnvironmentFormat): string {
  const files: readonly EnvironmentFormat[] = ['systemd', 'docker']
  return hosted && files.includes(format) ? policyComments('variables') : ''
}

/** The agents of a region that have an address: servers and clients apart, because their names differ. */
function scrapeGroups(
  { spec, desired }: Workspace,
  inventory: Inventory,
  region: string,
  { serverName }: Options<'env'>,
): ToolAccess['scraped'] {
  const groups = new Map<RoleLabel, string[]>()
  for (const { address, endpoints } of endpointsOf(spec, desired, inventory)) {
    const { role, region: own } = parseIdentity(address)
    const found = endpoints.find(({ rpc }) => !rpc)
    const [label] = profileOf(role).labels
    if (own !== region || found === undefined || label === undefined) continue
    groups.set(label, [...(groups.get(label) ?? []), formatEndpoint(found)])
  }
  return [...groups].map(([label, targets]) => ({
    job: `nomad-${region}-${label}`,
    targets,
    serverName: typeof serverName === 'string' ? serverName : roleName(label, region),
  }))
}

interface Url {
  readonly text: string
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
}

function parseUrl(text: string): Url {
  const bad = (why: string): NomadPkiError =>
    usage(`--url ${JSON.stringify(text)}: ${why}`, 'write it as https://10.0.0.11:4646')
  // The parser of URLs passes over spaces at the ends and line breaks; Nomad does not.
  if (/\s/.test(text)) throw bad('it has a space or a line break')
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw bad('not a URL')
  }
  // Nomad answers "Client sent an HTTP request to an HTTPS server" to http.
  if (url.protocol !== 'https:') throw bad('its scheme must be https')
  if (url.username !== '' || url.password !== '') throw bad('it must not hold a password')
  if (url.search !== '' || url.hash !== '') throw bad('it must not have a query or a fragment')
  return { text: text.replace(/\/+$/, ''), host: url.hostname.replace(/^\[|\]$/g, '') }
}

/**
 * Where the first server of the region serves HTTP: as the spec's `http` or its configuration says,
 * else at its first address or name, else this very machine. Where TLS is off for HTTP, without it.
 */
function defaultUrl({ spec, desired }: Workspace, inventory: Inventory, region: string): Url {
  const servers = serversOf(desired, region)
  const targets = new Map(
    endpointsOf(spec, desired, inventory).map(({ address, endpoints }) => [address, endpoints]),
  )
  for (const { address } of servers) {
    const found = targets.get(address)?.find(({ rpc }) => !rpc)
    if (found !== undefined) return { text: `https://${formatEndpoint(found)}`, host: found.host }
  }
  const named = servers.find(({ ips, names }) => ips.length + names.length > 0)
  const host = [...(named?.ips ?? []), ...(named?.names ?? [])][0] ?? '127.0.0.1'
  const scheme = (named ?? servers[0])?.stanza?.http === false ? 'http' : 'https'
  return { text: `${scheme}://${formatEndpoint({ host, port: 4646 })}`, host }
}

/**
 * `NOMAD_TLS_SERVER_NAME`, needed where the agent's certificate does not hold the host of the URL
 * (nomad#7529): behind a load balancer, through a tunnel.
 */
function chooseServerName(
  asked: string | true | undefined,
  url: Url,
  region: string,
  desired: Desired,
  inventory: Inventory,
): string | undefined {
  const own = roleName('server', region)
  if (typeof asked === 'string') return asked
  if (asked === true) return own
  const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
  const found = agents.some((agent) => holds(agent, url.host, inventory))
  return found ? undefined : own
}

function holds({ address }: DesiredIdentity, host: string, inventory: Inventory): boolean {
  const wanted = host.toLowerCase()
  const sans = inventory.identities.get(address)?.current?.chain[0]?.subjectAltName ?? []
  return sans.some(
    (san) => (san.type === 'dns' || san.type === 'ip') && san.value.toLowerCase() === wanted,
  )
}

function serversOf(desired: Desired, region: string): readonly DesiredIdentity[] {
  return desired.identities.filter(
    ({ profile }) => profile.region === region && runsServer(profile.role),
  )
}
