/**
 * Everything the library issues, before judges that share no code with it. Each judge must also refuse:
 * a judge that is content with anything says nothing.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mint } from '../real-nomad/harness/mint.js'
import { certtool, go, nss, openssl, zlint } from './judges.js'
import { everyShape, type Shape } from './shapes.js'

const random = Number(process.env.NOMAD_PKI_JUDGED ?? 60)

let base: string
let shapes: Shape[]

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-judges-'))
  shapes = await everyShape(Date.now(), random)
})

afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

const folder = (name: string): string => {
  const path = join(base, name)
  mkdirSync(path, { recursive: true })
  return path
}

const withoutEd25519 = (shape: Shape): boolean => !shape.authorities.includes('ed25519')

describe('is content with everything we issue:', () => {
  test.each([
    { name: 'openssl verify -x509_strict', judge: openssl, takes: () => true },
    { name: 'certtool --verify', judge: certtool, takes: () => true },
    // NSS has no Ed25519 in its verifier; everything else must pass.
    { name: 'NSS certutil -V', judge: nss, takes: withoutEd25519 },
    { name: "Go's crypto/x509", judge: go, takes: () => true },
    { name: 'zlint, RFC and Community rules', judge: zlint, takes: () => true },
  ])('$name', async ({ name, judge, takes }) => {
    const judged = shapes.filter(takes)
    const complaints = await judge(folder(name), judged)
    console.log(`verdicts compared: ${name} judged ${judged.length} leaves`)
    expect(complaints).toEqual([])
    expect(judged.length).toBeGreaterThan(100)
  })
})

describe('refuses', () => {
  const first = (): Shape => {
    const shape = shapes.find(({ name }) => name === 'server by an intermediate')
    if (shape === undefined) throw new Error('no such shape')
    return shape
  }

  test.each([
    { name: 'openssl', judge: openssl },
    { name: 'certtool', judge: certtool },
    { name: 'NSS', judge: nss },
    { name: 'Go', judge: go },
  ])(
    '$name: a leaf without its intermediate, a leaf under another root',
    async ({ name, judge }) => {
      const leaf = first()
      // Of another algorithm, and so of another key: roots of one algorithm share theirs here.
      const stranger = shapes.find(({ authorities }) => authorities.at(-1) === 'rsa-2048')
      const bad = [
        { ...leaf, name: 'no intermediate', intermediates: [] },
        { ...leaf, name: 'another root', root: stranger?.root ?? '' },
      ]
      for (const shape of bad) {
        const complaints = await judge(folder(`${name} refuses ${shape.name}`), [shape])
        expect(complaints.map((complaint) => complaint.shape)).toContain(shape.name)
      }
    },
  )

  test('zlint: a certificate that names nobody', async () => {
    const minted = await mint([
      { id: 'root', cns: [{ value: 'root' }], ca: true },
      { id: 'leaf', issuer: 'root', cns: [], dns: [] },
    ])
    const leaf = minted.get('leaf')?.cert ?? ''
    const complaints = await zlint(folder('zlint refuses'), [{ ...first(), leaf }])
    expect(complaints.map(({ says }) => says).join()).toMatch(/^e_/)
  })
})
