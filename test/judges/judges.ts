/**
 * The judges: each takes a shape and answers with its complaints; none means that it is content.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goTool, zlintBinary } from '../real-nomad/harness/binaries.js'
import { run, runOk } from '../real-nomad/harness/run.js'
import type { Shape } from './shapes.js'

export interface Complaint {
  readonly shape: string
  readonly says: string
}

/** A folder with the shape's files, made once. */
function files(
  base: string,
  index: number,
  shape: Shape,
): Record<'leaf' | 'root' | 'between' | 'chain', string> {
  const folder = join(base, String(index))
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  return {
    leaf: write('leaf.pem', shape.leaf),
    root: write('root.pem', shape.root),
    between: write('between.pem', shape.intermediates.join('')),
    chain: write('chain.pem', shape.leaf + shape.intermediates.join('')),
  }
}

const usages = (shape: Shape): readonly ('serverAuth' | 'clientAuth')[] =>
  shape.role === 'operator' ? ['clientAuth'] : ['serverAuth', 'clientAuth']

type Judge = (base: string, shapes: readonly Shape[]) => Promise<Complaint[]>

/** `openssl verify -x509_strict`, with the leaf as the child that makes its checks of the root count. */
export const openssl: Judge = async (base, shapes) => {
  const complaints: Complaint[] = []
  for (const [index, shape] of shapes.entries()) {
    const { leaf, root, between } = files(base, index, shape)
    for (const usage of usages(shape)) {
      const args = ['verify', '-x509_strict', '-no-CApath', '-no-CAfile', '-trusted', root]
      args.push('-purpose', usage === 'serverAuth' ? 'sslserver' : 'sslclient')
      if (shape.intermediates.length > 0) args.push('-untrusted', between)
      if (usage === 'serverAuth' && shape.dns) args.push('-verify_hostname', shape.dns)
      const { status, stdout, stderr } = await run('openssl', [...args, leaf])
      if (status !== 0) complaints.push({ shape: shape.name, says: `${usage}: ${stdout}${stderr}` })
    }
  }
  return complaints
}

/** GnuTLS. */
export const certtool: Judge = async (base, shapes) => {
  const complaints: Complaint[] = []
  for (const [index, shape] of shapes.entries()) {
    const { chain, root } = files(base, index, shape)
    const args = ['--verify', '--verify-profile', 'low', '--load-ca-certificate', root]
    if (shape.dns) args.push('--verify-hostname', shape.dns)
    const { status, stdout, stderr } = await run('certtool', [...args, '--infile', chain])
    if (status !== 0 || !stdout.includes('Chain verification output: Verified.')) {
      complaints.push({ shape: shape.name, says: `${stdout}${stderr}` })
    }
  }
  return complaints
}

/** NSS, as in Firefox; it takes no Ed25519 authorities, so hand it none. */
export const nss: Judge = async (base, shapes) => {
  const complaints: Complaint[] = []
  const databases = new Map<string, { db: string; known: Set<string> }>()
  for (const [index, shape] of shapes.entries()) {
    // One database per root: certificates of equal subjects would be one nickname's.
    let at = databases.get(shape.root)
    const { leaf, root } = files(base, index, shape)
    if (at === undefined) {
      const folder = join(base, `nss-${databases.size}`)
      mkdirSync(folder, { recursive: true })
      at = { db: `sql:${folder}`, known: new Set() }
      databases.set(shape.root, at)
      await runOk('certutil', ['-N', '-d', at.db, '--empty-password'])
      await runOk('certutil', ['-A', '-d', at.db, '-n', 'root', '-t', 'CT,C,C', '-i', root])
    }
    for (const intermediate of shape.intermediates) {
      if (at.known.has(intermediate)) continue
      at.known.add(intermediate)
      const name = `intermediate ${at.known.size}`
      await runOk('certutil', ['-A', '-d', at.db, '-n', name, '-t', ',,', '-a'], {
        input: intermediate,
      })
    }
    const add = await run('certutil', ['-A', '-d', at.db, '-n', 'leaf', '-t', ',,', '-i', leaf])
    if (add.status !== 0) complaints.push({ shape: shape.name, says: `import: ${add.stderr}` })
    for (const usage of usages(shape)) {
      const letter = usage === 'serverAuth' ? 'V' : 'C'
      const args = ['-V', '-e', '-d', at.db, '-n', 'leaf', '-u', letter]
      const { status, stdout, stderr } = await run('certutil', args)
      if (status !== 0) complaints.push({ shape: shape.name, says: `${usage}: ${stdout}${stderr}` })
    }
    await run('certutil', ['-D', '-d', at.db, '-n', 'leaf'])
  }
  return complaints
}

interface GoAnswer {
  readonly id: string
  readonly ok: boolean
  readonly error?: string
  readonly path: number
}

/** Go's crypto/x509: what Nomad itself uses. */
export const go: Judge = async (_, shapes) => {
  const questions = shapes.flatMap((shape, index) =>
    usages(shape).flatMap((usage) =>
      // By each of its names in turn, as a dialer would; an operator's has none.
      (usage === 'clientAuth' ? [''] : [shape.dns ?? '', shape.ip ?? '']).map((name) => ({
        id: String(index),
        chain: shape.leaf + shape.intermediates.join(''),
        roots: shape.root,
        key: shape.key,
        name,
        usage,
      })),
    ),
  )
  const lines = questions.map((question) => JSON.stringify(question)).join('\n')
  const output = await runOk(goTool('verify'), [], { input: `${lines}\n`, timeout: 300_000 })
  const answers = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as GoAnswer)
  if (answers.length !== questions.length) throw new Error('Go did not answer every question')
  return answers.flatMap(({ id, ok, error, path }) => {
    const shape = shapes[Number(id)]
    if (shape === undefined) throw new Error(`no shape ${id}`)
    if (!ok) return [{ shape: shape.name, says: error ?? 'no reason' }]
    const expected = 2 + shape.intermediates.length
    return path === expected
      ? []
      : [{ shape: shape.name, says: `a path of ${path}, not ${expected}` }]
  })
}

/** Rules for the public web's authorities: a private authority is not theirs. */
const notOurs = 'CABF_BR,CABF_EV,CABF_SMIME_BR,Mozilla,Apple,ETSI_ESI'

/**
 * zlint's RFC and Community rules, on leaves, intermediates and roots; errors only.
 * A region's name may hold `_` (Nomad allows it, RFC 5280 does not): that one rule's complaint about such
 * a region is the listed exception.
 */
export const zlint: Judge = async (base, shapes) => {
  const program = zlintBinary()
  const folder = join(base, 'zlint')
  mkdirSync(folder, { recursive: true })
  const distinct = new Map<string, Shape>()
  for (const shape of shapes) {
    for (const pem of [shape.leaf, ...shape.intermediates, shape.root]) {
      if (!distinct.has(pem)) distinct.set(pem, shape)
    }
  }
  const complaints: Complaint[] = []
  const all = [...distinct]
  for (let from = 0; from < all.length; from += 100) {
    const batch = all.slice(from, from + 100).map(([pem, shape], index) => {
      const path = join(folder, `${from + index}.pem`)
      writeFileSync(path, pem)
      return { path, shape }
    })
    const paths = batch.map(({ path }) => path)
    const output = await runOk(program, ['-excludeSources', notOurs, ...paths])
    const reports = output.trimEnd().split('\n')
    if (reports.length !== batch.length)
      throw new Error(`zlint did not judge every file:\n${output}`)
    for (const [index, { path, shape }] of batch.entries()) {
      const report = JSON.parse(reports[index] ?? '{}') as Record<string, { result: string }>
      const ran = Object.values(report).filter(({ result }) => result === 'pass').length
      if (ran < 10) throw new Error(`zlint ran ${ran} rules on ${path}`)
      for (const [rule, { result }] of Object.entries(report)) {
        if (result !== 'error' && result !== 'fatal') continue
        if (rule.includes('underscore') && shape.region.includes('_')) continue
        complaints.push({ shape: `${shape.name} (${path})`, says: rule })
      }
    }
  }
  return complaints
}
