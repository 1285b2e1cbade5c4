/**
 * Brings one host its files, has its agent load them, and proves it.
 *
 * @module
 */

import { momentsTo, type InstallerMoment } from '../delivery/porcelain.js'
import type { Host, HostAnswer } from '../hosts/host.js'
import { agentLog } from './agent-log.js'
import { deliveryFor, isRunning } from './delivery-for.js'
import type { RollOutOptions, RolloutPorts } from './ports.js'
import { hostWords } from './host-words.js'
import { whatBecameOf } from './left.js'
import { changedConfig, saidBy, type LookedHost, type Obstacle } from './preflight.js'
import { concludeScript, installScript, readInstall, type HostDelivery } from './scripts.js'

/** Why a host was not brought to its end. */
export type Fault = Pick<Obstacle, 'message' | 'remedy' | 'log'>

/**
 * Milliseconds that an installation may take: a unit that is starting is waited for 90 s, and a restart may
 * take as long to stop and as long to start (systemd's own limits).
 */
export const installTimeout = 300_000

/** One host: files, reload, proof. */
export async function bring(
  one: LookedHost,
  ports: RolloutPorts,
  options: RollOutOptions,
  tell: (
    state: 'sending' | InstallerMoment['what'] | 'proven' | 'settled' | 'placed',
    message?: string,
  ) => void,
  goesBack: (one: LookedHost) => Promise<string>,
): Promise<Fault | 'proven' | 'settled' | 'placed'> {
  const { node, host } = one
  const target = ports.hosts.at(host)
  let replaces = false
  if (one.left === undefined) tell('sending')
  else {
    const outcome = await endLeft(one, one.left, ports, options)
    if ('message' in outcome) return outcome
    replaces = outcome.replaces
    tell('sending', outcome.said)
  }
  const { delivery } = await deliveryFor(node, ports, options, replaces)
  const loading = !isRunning(one) ? 'none' : node.restart ? 'restart' : 'reload'
  // Not ended by the signal: what a host has begun it finishes, and its answer is worth the seconds.
  const answer = await target.run(installScript(delivery, loading), {
    timeout: installTimeout,
    onLine: momentsTo(tell),
  })
  const fault = installFault(answer, host)
  const { installer, receipt, loadFailed, began } = readInstall(answer.reached ? answer.stdout : '')
  // What the agent itself says of it, where its host can still be asked.
  const explained = async (told: Fault): Promise<Fault> => {
    const log = await agentLog(target, delivery.unit, began)
    return log.length === 0 ? told : { ...told, log }
  }
  if (fault !== undefined) {
    return installer?.agent === 'died' || installer?.reason === 'reload' ? explained(fault) : fault
  }
  if (delivery.configs.length > 0) await ports.configsPlaced(node)
  if (loadFailed) {
    const message = `systemctl ${loading} ${delivery.unit} failed`
    return explained({ message, remedy: `on the host: systemctl status ${delivery.unit}` })
  }
  if (loading === 'none') {
    // That of a running agent comes after its proof: a receipt must not stand in for a handshake.
    if (receipt !== undefined) await ports.receive(receipt, node.address)
    tell(
      'placed',
      one.plaintext === true
        ? 'the agent speaks plaintext: it loads the files when TLS is turned on'
        : 'the agent does not run: its next start loads the files',
    )
    return 'placed'
  }
  const end = ports.clock() + (options.patience ?? 30_000)
  for (;;) {
    const [verdict] = await ports.prove([node.address])
    const state = verdict?.state
    const answered = verdict !== undefined && verdict.seen.length > 0 && verdict.silent.length === 0
    if (answered && (state === 'proven' || state === 'unobservable')) {
      const how = state === 'proven' ? 'proven' : 'settled'
      const untold = await conclude(target, node.address, delivery, how, ports)
      if (untold !== undefined) return untold
      tell(how)
      return how
    }
    if (ports.clock() >= end) {
      const why = `it is not proven: ${verdict?.message ?? 'nothing was seen'}`
      if (options.backOnFailure === true) {
        // The log is read before: going back writes to it.
        const told = await explained({ message: why })
        const back = await goesBack(one)
        return { ...told, message: `${why}; ${back}`, remedy: verdict?.remedy }
      }
      return explained({
        message: why,
        remedy: verdict?.remedy ?? `its agent's log says why: journalctl -u ${delivery.unit} -n 50`,
      })
    }
    await ports.sleep(500)
  }
}

/** What an earlier run left there: told to be loaded, where a handshake shows it; else replaced. */
async function endLeft(
  one: LookedHost,
  left: string,
  ports: RolloutPorts,
  options: RollOutOptions,
): Promise<Fault | { readonly replaces: boolean; readonly said: string }> {
  const { address } = one.node
  const [verdict] = await ports.prove([address])
  const became = whatBecameOf(left, { running: isRunning(one) }, verdict)
  if (became === undefined) {
    const message = `${left} was put in place there and never proven, and what the agent has loaded is not known: ${verdict?.message ?? 'nothing was seen'}`
    return { message, remedy: verdict?.remedy }
  }
  if (!became.loaded) {
    return { replaces: true, said: `replaces ${left}, which was never loaded: ${became.why}` }
  }
  const untold = await conclude(ports.hosts.at(one.host), address, options, 'proven', ports)
  const said = `after ${left}, which an earlier run left unproven: a handshake shows it`
  return untold ?? { replaces: false, said }
}

/** Tells the installer what was seen: it does not switch again before. */
export async function conclude(
  target: Host,
  address: string,
  place: Pick<HostDelivery, 'tls' | 'unit'>,
  how: 'proven' | 'settled',
  ports: RolloutPorts,
): Promise<Fault | undefined> {
  const answer = await target.run(concludeScript(place, how, ports.installer))
  const fault = installFault(answer, target.name)
  if (fault !== undefined) {
    return {
      ...fault,
      message: `it is ${how}, and its installer could not be told: ${fault.message}`,
    }
  }
  const { receipt } = readInstall(answer.reached ? answer.stdout : '')
  if (receipt !== undefined) await ports.receive(receipt, address)
  return undefined
}

/** Of an installer that a tool of its host ended, that tool says why. */
function stoppedFault(message: string, stderr: string): Fault {
  const said = stderr
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '' && !line.startsWith('install.sh: '))
  const isFull = /no space left|disk quota/i.test(said ?? '')
  const why = said === undefined ? undefined : hostWords(said)
  return {
    message: why === undefined ? message : `${message}: ${why}`,
    remedy: isFull ? 'make room there' : undefined,
  }
}

/** Why an installer did not come to its end. */
export function installFault(answer: HostAnswer, host: string): Fault | undefined {
  const goOn = 'the same command goes on'
  if (!answer.reached) {
    return { message: `the link to ${host} was cut: ${answer.message}`, remedy: goOn }
  }
  const read = readInstall(answer.stdout)
  const { installer, config } = read
  if (config !== undefined) {
    return config.state === 'changed'
      ? changedConfig(config.path)
      : { message: `${config.path} cannot be written there`, remedy: goOn }
  }
  if (installer === undefined) {
    const said = saidBy(answer, read)
    return { message: `its installer was stopped${said === '' ? '' : `: ${said}`}`, remedy: goOn }
  }
  if (installer.status === 0) return undefined
  if (installer.reason === 'stopped') return stoppedFault(installer.message, answer.stderr)
  return { message: installer.message, remedy: installer.agent === 'died' ? undefined : goOn }
}
