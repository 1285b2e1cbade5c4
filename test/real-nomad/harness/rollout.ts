/**
 * Follows `nomad-pki rollout --dry-run --commands` as a script would: the first step, its commands as they are
 * printed, its proof as it is printed; then it asks again.
 *
 * @module
 */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { command } from './binaries.js'
import type { Stage } from './rolling.js'
import { eventually, run, runOk } from './run.js'

interface Step {
  readonly kind: 'server' | 'clients'
  readonly region: string
  readonly nodes: readonly {
    readonly address: string
    readonly leader: boolean
    readonly pack: string
    readonly script: string
  }[]
  readonly probe: string
  readonly health: string
}

/** One step as it was taken. */
export interface Taken {
  readonly kind: Step['kind']
  readonly region: string
  readonly names: readonly string[]
  readonly leader: boolean
}

export async function followRollout({
  fleet,
  count,
}: Pick<Stage, 'fleet'> & { readonly count?: Stage['count'] }): Promise<readonly Taken[]> {
  const bin = join(fleet.base, 'bin')
  mkdirSync(bin, { recursive: true })
  const wrapper = join(bin, 'nomad-pki')
  writeFileSync(wrapper, `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`)
  chmodSync(wrapper, 0o755)
  const path = `${bin}:${dirname(fleet.binary)}:${process.env.PATH ?? ''}`
  const { http } = fleet.plan('s1').ports
  const settings = await fleet.pkiOk('env', 'alice', '--url', `https://127.0.0.1:${http}`)
  const here = { cwd: fleet.base, env: { PATH: path } }
  const taken: Taken[] = []
  for (;;) {
    const { stdout, stderr } = await fleet.pki('rollout', '--dry-run', '--commands', '--json')
    if (stdout === '') throw new Error(stderr)
    const { steps } = JSON.parse(stdout) as { readonly steps: readonly Step[] }
    const [step] = steps
    if (step === undefined) return taken
    if (taken.length > fleet.names.length) throw new Error(`it does not end: ${stdout}`)
    const names: string[] = []
    for (const { address, pack, script } of step.nodes) {
      const name = basename(address)
      names.push(name)
      const packed = await runOk('sh', ['-c', pack], here)
      const root = join(fleet.base, 'hosts', name, 'root')
      rmSync(root, { recursive: true, force: true })
      mkdirSync(root, { recursive: true, mode: 0o700 })
      const archive = /--out (\S+)/.exec(pack)?.[1] ?? ''
      renameSync(join(fleet.base, archive), join(root, archive))
      // Here a node is a folder, and its unit a process.
      const there = script
        .replace('FINGERPRINT', packed.slice(0, 64))
        .replace(/--tls \S+/, `--tls '${fleet.tls(name)}'`)
        .replace('--reload nomad', `--reload ${fleet.agent(name).pid} --watch 1`)
      count?.reloading(name)
      await runOk('sh', ['-c', there], { cwd: root })
      rmSync(root, { recursive: true, force: true })
    }
    for (const proof of [step.probe, step.health]) {
      await eventually(proof, async () => {
        const outcome = await run('sh', ['-c', `${settings}\n${proof}`], here)
        if (outcome.status === 0) return true
        throw new Error(`${outcome.stdout}${outcome.stderr}`)
      })
    }
    const leader = step.nodes.some((node) => node.leader)
    taken.push({ kind: step.kind, region: step.region, names, leader })
  }
}
