/**
 * A cluster whose agents have their files as real nodes have them: packed in a store, brought over as
 * an archive, put in place by the installer, each node with a folder of its own. Servers run as
 * another user than root, so that a wrong owner or mode is one.
 *
 * ```text
 * BASE/cluster.yaml, pki/            the operator's
 * BASE/hosts/s1/etc/nomad.d          agent.hcl, tls.hcl, tls/current → 3-9f2c41ab
 * BASE/data/s1, s1.log               the agent's
 * ```
 *
 * @module
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, type AgentPlan, writeAgentConfig } from './agent.js'
import type { Credentials } from './api.js'
import { command, nomadBinary } from './binaries.js'
import { type Cluster, layOut, type Member, startCluster } from './cluster.js'
import { eventually, type Outcome, run, runOk } from './run.js'
import { Stops } from './stops.js'

/** `nobody`: every Linux has it, whatever else it has. */
export const unprivileged = { uid: 65_534, gid: 65_534 }

const usualMembers: readonly Member[] = [
  ...['s1', 's2', 's3'].map((name) => ({ name, region: 'global', role: 'server' as const })),
  ...['c1', 'c2'].map((name) => ({ name, region: 'global', role: 'client' as const })),
  { name: 'w1', region: 'us-west', role: 'server' },
  { name: 'd1', region: 'us-west', role: 'client' },
]

/** How something is delivered. */
export interface Delivery {
  /** `script`: install.sh alone, as on a node without Node. `command`: `nomad-pki install --probe`. */
  readonly way?: 'script' | 'command'
  /** Do not reload: the agent is down. */
  readonly cold?: boolean
  /** Does something to the unpacked folder, or to the archive, on the way. */
  readonly onTheWay?: (folder: string, archive: string) => void
  readonly more?: readonly string[]
}

const tlsOf = (base: string, name: string): string => join(base, 'hosts', name, 'etc/nomad.d/tls')

/** What nodes have before they start. */
export type Begin = (made: {
  readonly base: string
  readonly plans: readonly AgentPlan[]
  /** Our command in the base; throws unless it ends with 0. */
  readonly pki: (...args: string[]) => Promise<string>
}) => Promise<void>

const madeHere: Begin = async (made) => {
  await made.pki('init', '--new-store')
  await made.pki('apply', '--yes')
  await bringFirst(made)
}

/** Packs for each node and installs it, before its agent starts. */
export const bringFirst: Begin = async ({ base, plans, pki }) => {
  for (const plan of plans) {
    await pki('pack', plan.name, '--out', `${plan.name}.tar.gz`)
    const installed = await run(
      process.execPath,
      [
        ...[command, 'install', `${plan.name}.tar.gz`, '--tls', tlsOf(base, plan.name)],
        ...['--config', join(base, 'hosts', plan.name, 'etc/nomad.d'), '--reload', 'none'],
      ],
      { cwd: base },
    )
    // The stanza is new: it says that a reload would not do.
    if (installed.status !== 2) throw new Error(JSON.stringify(installed))
    rmSync(join(base, `${plan.name}.tar.gz`))
  }
}

/** What else a fleet can be told. */
export interface FleetOptions {
  /** The agents; default: three servers and two clients in `global`, one and one in `us-west`. */
  readonly members?: readonly Member[]
  /** The environment of our command, beyond a clean one; default: nothing. */
  readonly env?: Readonly<Record<string, string>>
}

/** The cluster, its operator's machine and its nodes. */
export class Fleet {
  readonly base: string
  readonly plans: AgentPlan[]
  readonly cluster: Cluster
  /** Kills what is run here, if it chooses to. */
  stops: Stops = new Stops()
  /** How many handshakes with a certificate its probes had with RPC ports, by their own word. */
  offers = 0
  readonly #agents: Agent[]
  readonly #binary: string
  readonly #env: Readonly<Record<string, string>>
  #archives = 0

  private constructor(
    base: string,
    plans: AgentPlan[],
    cluster: Cluster,
    agents: Agent[],
    binary: string,
    env: Readonly<Record<string, string>>,
  ) {
    this.base = base
    this.plans = plans
    this.cluster = cluster
    this.#agents = agents
    this.#binary = binary
    this.#env = env
  }

  /**
   * Makes everything and waits until the cluster stands; about fifteen seconds.
   *
   * @param stanza What `node.stanza` of the spec says; default nothing.
   * @param edit Changes the spec before the first `apply`; default: leaves it as it is.
   * @param begin Gives the nodes the files that they start with; default: made and installed by us.
   * @param options Other agents, and what our command finds in its environment.
   */
  static async start(
    label: string,
    stanza = '{}',
    edit: (spec: string) => string = (spec) => spec,
    begin: Begin = madeHere,
    { members = usualMembers, env = {} }: FleetOptions = {},
  ): Promise<Fleet> {
    const base = mkdtempSync(join(tmpdir(), `nomad-pki-${label}-`))
    try {
      chmodSync(base, 0o755)
      const binary = join(base, 'nomad')
      try {
        linkSync(nomadBinary(), binary)
      } catch {
        copyFileSync(nomadBinary(), binary)
      }
      const plans = await layOut(base, members, (plan) => {
        const directory = join(base, 'hosts', plan.name, 'etc/nomad.d')
        writeAgentConfig({ ...plan, directory })
        return [directory]
      })
      chmodSync(join(base, 'data'), 0o755)
      for (const { role, dataDir } of plans) {
        if (role === 'server') chownSync(dataDir, unprivileged.uid, unprivileged.gid)
      }
      writeFileSync(join(base, 'cluster.yaml'), edit(specOf(plans, stanza)))
      const agents: Agent[] = []
      const pki = (...args: string[]): Promise<string> =>
        runOk(process.execPath, [command, ...args], { cwd: base, env })
      await begin({ base, plans, pki })
      const cluster = await startCluster(
        plans,
        () => credentialsIn(base, 'operator/global/alice'),
        (plan) => new Agent(plan, optionsFor(plan, binary)),
        agents,
      )
      return new Fleet(base, plans, cluster, agents, binary, env)
    } catch (error) {
      rmSync(base, { recursive: true, force: true })
      throw error
    }
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) agent.thaw()
    await this.cluster.stop()
    rmSync(this.base, { recursive: true, force: true })
  }

  get binary(): string {
    return this.#binary
  }

  /** Whether HTTPS asks for certificates, as it does unless the spec says otherwise. */
  get httpsAsks(): boolean {
    return !this.spec.includes('verify_https_client: false')
  }

  get names(): readonly string[] {
    return this.plans.map(({ name }) => name)
  }

  plan(name: string): AgentPlan {
    const found = this.plans.find((plan) => plan.name === name)
    if (found === undefined) throw new Error(`no agent ${name}`)
    return found
  }

  agent(name: string): Agent {
    return this.cluster.agent(name)
  }

  /** `identity/server/global/s1` */
  address(name: string): string {
    const { role, region } = this.plan(name)
    return `identity/${role}/${region}/${name}`
  }

  /** Where the files of a node are. */
  tls(name: string): string {
    return tlsOf(this.base, name)
  }

  /** The operator's files, as they are now; or those of another identity of the store. */
  credentials(address = 'operator/global/alice'): Required<Credentials> {
    return credentialsIn(this.base, address)
  }

  /** What a node has in use. */
  onNode(name: string, file: string): string {
    return readFileSync(join(this.tls(name), 'current', file), 'utf8')
  }

  generationOf(name: string): string {
    return readlinkSync(join(this.tls(name), 'current'))
  }

  /** The directory of the store's current generation, `3-9f2c41ab`. */
  newestOf(name: string): string {
    return readlinkSync(join(this.base, 'pki', this.address(name), 'current'))
  }

  /** Our command on a machine whose clock is wrong by so many milliseconds. */
  pkiAt(skew: number, ...args: string[]): Promise<Outcome> {
    const clock = join(this.base, 'clock.mjs')
    writeFileSync(
      clock,
      `const Right = Date
globalThis.Date = class extends Right {
  constructor(...given) { if (given.length > 0) super(...given); else super(Right.now() + ${skew}) }
  static now() { return Right.now() + ${skew} }
}
`,
    )
    return run(process.execPath, ['--import', clock, command, ...args], { cwd: this.base })
  }

  /** Our command on the operator's machine; one that is killed is run again, as a person would. */
  async pki(...args: string[]): Promise<Outcome> {
    const kind = args[0] === 'rotate' ? args.slice(0, 2).join(' ') : (args[0] ?? '')
    const all = [command, ...args]
    const options = { cwd: this.base, timeout: 120_000, env: this.#env }
    for (;;) {
      const spec = this.spec
      const outcome = await this.stops.run(kind, process.execPath, all, options)
      if (outcome !== undefined) return outcome
      this.expectWhole()
      // Whoever comes back looks first whether the stage was taken.
      if (args.includes('--next') && this.spec !== spec) {
        return { status: 0, stdout: '', stderr: '' }
      }
    }
  }

  get spec(): string {
    return readFileSync(join(this.base, 'cluster.yaml'), 'utf8')
  }

  /** Edits the spec by hand; throws where there is nothing to replace. */
  editSpec(from: RegExp, to: string): void {
    const before = this.spec
    if (!from.test(before)) throw new Error(`the spec has nothing like ${String(from)}:\n${before}`)
    writeFileSync(join(this.base, 'cluster.yaml'), before.replace(from, to))
  }

  /** What an agent or an operator would load now is one generation, whole. */
  expectWhole(): void {
    for (const name of this.names) {
      expectWholeGeneration(join(this.tls(name), 'current'))
      expectWholeGeneration(join(this.base, 'pki', this.address(name), 'current'))
    }
    expectWholeGeneration(join(this.base, 'pki/identity/operator/global/alice/current'))
  }

  /** The same; throws unless it ends with 0. */
  async pkiOk(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.pki(...args)
    if (status !== 0) {
      throw new Error(`nomad-pki ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`)
    }
    return stdout
  }

  /** Packs; answers with the archive's path and fingerprint. */
  async pack(name: string): Promise<{ readonly archive: string; readonly fingerprint: string }> {
    this.#archives += 1
    const archive = join(this.base, `${name}-${this.#archives}.tar.gz`)
    let outcome = await this.pki('pack', name, '--out', archive)
    if (outcome.stderr.includes('exists already')) {
      // It was killed when the archive had its name already.
      rmSync(archive)
      outcome = await this.pki('pack', name, '--out', archive)
    }
    const { status, stdout, stderr } = outcome
    if (status !== 0) throw new Error(`pack ${name} ended with ${status}\n${stdout}\n${stderr}`)
    return { archive, fingerprint: stdout.split(' ')[0] ?? '' }
  }

  /** Packs, brings over, installs, reloads. */
  async deliver(name: string, delivery: Delivery = {}): Promise<Outcome> {
    return this.install(name, await this.pack(name), delivery)
  }

  /** What happens on the node. */
  async install(
    name: string,
    { archive, fingerprint }: { readonly archive: string; readonly fingerprint: string },
    { way = 'script', cold = false, onTheWay, more = [] }: Delivery = {},
  ): Promise<Outcome> {
    const { ports } = this.plan(name)
    const reload = cold ? 'none' : String(this.agent(name).pid)
    const common = ['--tls', this.tls(name), '--reload', reload, '--fingerprint', fingerprint]
    if (way === 'command') {
      onTheWay?.('', archive)
      const probe = cold ? [] : ['--probe', `127.0.0.1:${ports.http}`]
      return this.pki('install', archive, ...common, ...probe, ...more)
    }
    const folder = join(this.base, 'hosts', name, 'root')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    await runOk('tar', ['-xzf', archive, '-C', folder])
    const unpacked = join(folder, 'nomad-pki')
    onTheWay?.(unpacked, archive)
    const args = ['install.sh', ...common, '--archive', archive, '--watch', '1', ...more]
    for (;;) {
      const outcome = await this.stops.run('install.sh', 'sh', args, { cwd: unpacked })
      if (outcome === undefined) {
        this.expectWhole()
        continue
      }
      rmSync(folder, { recursive: true, force: true })
      return outcome
    }
  }

  /** Waits until an agent answers for itself and, asked for more, for its region's servers. */
  async answers(name: string): Promise<void> {
    await eventually(
      `${name} to answer`,
      async () => {
        await this.cluster.get(name, '/v1/agent/self')
        return this.cluster.get(name, '/v1/jobs')
      },
      { explain: () => this.agent(name).tail() },
    )
  }

  /** An agent that is stopped has other ports from now on; its configuration is the caller's. */
  move(name: string, ports: AgentPlan['ports']): void {
    const at = this.plans.findIndex((plan) => plan.name === name)
    this.plans[at] = { ...this.plan(name), ports }
  }

  /** Starts an agent that was stopped. */
  restart(name: string): void {
    const at = this.#agents.findIndex((agent) => agent.name === name)
    const plan = this.plan(name)
    this.#agents[at] = new Agent(plan, { ...optionsFor(plan, this.#binary), keepLog: true })
  }
}

function optionsFor({ role }: AgentPlan, binary: string): ConstructorParameters<typeof Agent>[1] {
  return { binary, user: role === 'server' ? unprivileged : undefined }
}

/** Throws unless the three files are those of the manifest beside them. */
function expectWholeGeneration(directory: string): void {
  const read = (file: string): Buffer => readFileSync(join(directory, file))
  const { files } = JSON.parse(read('manifest.json').toString()) as {
    readonly files: Readonly<Record<string, string>>
  }
  for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
    const sum = createHash('sha256').update(read(file)).digest('hex')
    if (sum !== files[file]) throw new Error(`${directory}/${file} is not that of its manifest`)
  }
}

function credentialsIn(base: string, address: string): Required<Credentials> {
  // By the link's text: all three of one generation, whatever happens meanwhile.
  const identity = join(base, 'pki/identity', address)
  const directory = join(identity, readlinkSync(join(identity, 'current')))
  const read = (file: string): string => readFileSync(join(directory, file), 'utf8')
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}

/** The fleet's spec without the intermediate of a region, and with a name for each node: as other tools know a cluster. */
export function oneRoot(spec: string): string {
  return spec
    .replace(/^ {2}us-west: \{ issuer.*\n/m, '')
    .replace(/^ {4}authority: us-west\n/m, '')
    .replace(/^( +)(\w+): \{ http/gm, '$1$2: { names: [$2.acme.test], http')
}

function specOf(plans: readonly AgentPlan[], stanza: string): string {
  const nodes = (region: string, role: AgentPlan['role']): string =>
    plans
      .filter((plan) => plan.region === region && plan.role === role)
      .map(({ name, ports: { http, rpc } }) => {
        const listens = role === 'server' ? `, rpc: "127.0.0.1:${rpc}"` : ''
        return `      ${name}: { http: "127.0.0.1:${http}"${listens} }`
      })
      .join('\n')
  return `version: 1
cluster: acme
store: pki
authorities:
  agent: { lifetime: 10y }
  us-west: { issuer: agent, lifetime: 3y }
node:
  tls: /etc/nomad.d/tls
  owner: { server: nobody, client: root }
  stanza: ${stanza}
regions:
  global:
    servers:
${nodes('global', 'server')}
    clients:
${nodes('global', 'client')}
  us-west:
    authority: us-west
    servers:
${nodes('us-west', 'server')}
    clients:
${nodes('us-west', 'client')}
operators:
  alice: { region: global, lifetime: 24h }
`
}
