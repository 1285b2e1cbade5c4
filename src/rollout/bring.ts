/**
 * Brings one host its files, has its agent load them, and proves it.
 *
 * @module
 */

import type { Host, HostAnswer } from '../hosts/host.js'
import { deliveryFor, isRunning } from './delivery-for.js'
import type { RollOutOptions, RolloutPorts } from './ports.js'
import type { LookedHost, Obstacle } from './preflight.js'
import { concludeScript, installScript, readInstall, type HostDelivery } from './scripts.js'

/** Why a host was not brought to its end. */
export type Fault = Pick<Obstacle, 'message' | 'remedy'>

/** One host: files, reload, proof. */
export async function bring(
  one: LookedHost,
  ports: RolloutPorts,
  options: RollOutOptions,
  tell: (state: 'sending' | 'switched' | 'proven' | 'settled' | 'placed', message?: string) => void,
): Promise<Fault | undefined> {
  const { node, host } = one
  const target = ports.hosts.at(host)
  tell('sending')
  const { delivery } = await deliveryFor(node, ports, options)
  const loading = !isRunning(one) ? 'none' : node.restart ? 'restart' : 'reload'
  // Not ended by the signal: what a host has begun it finishes, and its answer is worth the seconds.
  const answer = await target.run(installScript(delivery, loading))
  const fault = installFault(answer, host)
  const { installer, receipt, restartFailed } = readInstall(answer.reached ? answer.stdout : '')
  if (fault !== undefined) return fault
  if (restartFailed) {
    return { message: `systemctl restart ${delivery.unit} failed`, remedy: 'its log says why' }
  }
  if (loading === 'none') {
    // That of a running agent comes after its proof: a receipt must not stand in for a handshake.
    if (receipt !== undefined) await ports.receive(receipt, node.address)
    tell('placed', 'the agent does not run: its next start loads the files')
    return undefined
  }
  tell('switched', installer?.generation)
  const end = ports.clock() + (options.patience ?? 30_000)
  for (;;) {
    const [verdict] = await ports.prove([node.address])
    const state = verdict?.state
    const answered = verdict !== undefined && verdict.seen.length > 0 && verdict.silent.length === 0
    if (answered && (state === 'proven' || state === 'unobservable')) {
      const how = state === 'proven' ? 'proven' : 'settled'
      const untold = await conclude(target, node.address, delivery, how, ports)
      if (untold === undefined) tell(how)
      return untold
    }
    if (ports.clock() >= end) {
      return {
        message: `it is not proven: ${verdict?.message ?? 'nothing was seen'}`,
        remedy: verdict?.remedy ?? `its agent's log says why: journalctl -u ${delivery.unit} -n 50`,
      }
    }
    await ports.sleep(500)
  }
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

function installFault(answer: HostAnswer, host: string): Fault | undefined {
  const goOn = 'the same command goes on'
  if (!answer.reached) {
    return { message: `the link to ${host} was cut: ${answer.message}`, remedy: goOn }
  }
  const { installer } = readInstall(answer.stdout)
  if (installer === undefined) {
    const said = answer.stderr.trim().split('\n').at(-1)
    return {
      message: `its installer was stopped${said === undefined || said === '' ? '' : `: ${said}`}`,
      remedy: goOn,
    }
  }
  if (installer.status === 0) return undefined
  return { message: installer.message, remedy: installer.agent === 'died' ? undefined : goOn }
}
