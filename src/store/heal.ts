/**
 * Mends what a killed run left: finishes what is whole, removes what is torn. A key is only ever
 * removed with a directory that has no whole certificate for it: staging directories carry the
 * digest of what they should hold, and one that holds it is put into place instead.
 *
 * @module
 */

import { isName, isRegionName } from '../address.js'
import { latin1Of } from '../bytes.js'
import { count } from '../count.js'
import type { Finding } from '../diagnostics.js'
import { shownPath } from '../files/fault.js'
import { breather } from '../files/files.js'
import { readWhole } from '../files/read.js'
import { readLedger } from '../inventory/ledger.js'
import { scanPem } from '../keys/pem-scan.js'
import { sha256 } from '../sha256.js'
import { unwritable, type StoreTree } from './tree.js'
import { digestOf, isGenerationNumber, isTemporary, names, parseStaging } from './layout.js'
import { appendLedger, ledgerEnd, ledgerLimit, mendLedger } from './ledger.js'
import { tidyLocks } from './lock.js'
import { finding } from './reasons.js'

/**
 * Repairs what a killed run left.
 *
 * @param tree The store, whose lock is held.
 * @returns What was done: notes.
 * @throws {NomadPkiError} `ERR_STORE_UNWRITABLE`, `ERR_LEDGER_BROKEN`
 */
export async function healStore(tree: StoreTree): Promise<readonly Finding[]> {
  const healer = new Healer(tree)
  try {
    return await healer.heal()
  } catch (error) {
    throw unwritable(error, tree.root, healer.doing)
  }
}

class Healer {
  doing: string | undefined
  readonly #tree: StoreTree
  readonly #findings: Finding[] = []
  readonly #breathe = breather()

  constructor(tree: StoreTree) {
    this.#tree = tree
  }

  async heal(): Promise<readonly Finding[]> {
    const { files, root } = this.#tree
    tidyLocks(files, root)
    this.#mendLedger()
    for (const name of this.#below('authority')) {
      await this.#directory(`authority/${name}`, (final) => `authority/${name}/${final}`)
      for (const number of this.#below(`authority/${name}`, isGenerationNumber)) {
        const place = `authority/${name}/${number}`
        await this.#directory(place, () => place)
      }
      this.#dropEmpty('authority', name)
    }
    await this.#directory('bundle', () => 'store')
    for (const name of this.#below('bundle')) {
      await this.#directory(`bundle/${name}`, () => `bundle/${name}`)
      this.#dropEmpty('bundle', name)
    }
    await this.#directory('probe', () => 'store')
    for (const name of this.#below('probe')) {
      await this.#directory(`probe/${name}`, () => 'store')
      this.#dropEmpty('probe', name)
    }
    for (const role of this.#below('identity')) {
      for (const region of this.#below(`identity/${role}`, isRegionName)) {
        const place = `identity/${role}/${region}`
        await this.#directory(place, () => 'store')
        for (const name of this.#below(place)) {
          await this.#directory(`${place}/${name}`, () => `${place}/${name}`)
          this.#dropEmpty(place, name)
          await this.#breathe()
        }
      }
    }
    return this.#findings
  }

  #below(path: string, isRight: (name: string) => boolean = isName): string[] {
    return [...this.#tree.listing(`${this.#tree.root}/${path}`)]
      .filter(([name, kind]) => kind === 'directory' && isRight(name))
      .map(([name]) => name)
  }

  async #directory(path: string, addressOf: (final: string) => string): Promise<void> {
    const { files, root } = this.#tree
    const place = `${root}/${path}`
    this.doing = path
    for (const [name, kind] of [...this.#tree.listing(place)]) {
      if (!isTemporary(name)) continue
      const staging = kind === 'directory' ? parseStaging(name) : undefined
      if (staging !== undefined && this.#isWhole(`${place}/${name}`, staging.digest)) {
        if (this.#tree.listing(place).has(staging.final)) {
          // Never seen to happen; a key is not thrown away on a guess.
          this.#say(
            addressOf(staging.final),
            'left-over',
            `${path}/${name} is left for you to look at`,
          )
          continue
        }
        if (path.startsWith('authority/')) {
          this.#recordAuthority(addressOf(staging.final), `${place}/${name}`)
        }
        files.rename(`${place}/${name}`, `${place}/${staging.final}`)
        this.#tree.note(place, name, undefined)
        this.#tree.note(place, staging.final, 'directory')
        // The run that wrote it was killed before its barrier.
        const final = `${this.#tree.directory(path)}/${staging.final}`
        for (const file of files.names(final)) this.#tree.touched.add(`${final}/${file}`)
        this.#tree.touched.add(final)
        this.#say(
          addressOf(staging.final),
          'unfinished',
          `${path}/${staging.final} was whole, and was put into place`,
        )
        continue
      }
      if (name === `.new-${names.bundle}` && this.#isNoted(path, place)) {
        files.rename(`${place}/${name}`, `${place}/${names.bundle}`)
        this.#tree.note(place, name, undefined)
        this.#tree.note(place, names.bundle, 'other')
        this.#tree.touched.add(`${this.#tree.directory(path)}/${names.bundle}`)
        this.#tree.touched.add(place)
        this.#say(path, 'unfinished', `${path}/${names.bundle} was whole, and was put into place`)
        continue
      }
      if (kind === 'directory') await files.removeTree(`${place}/${name}`)
      else files.unlink(`${place}/${name}`)
      this.#tree.forget(`${place}/${name}`)
      this.#tree.note(place, name, undefined)
      this.#say(
        addressOf(staging?.final ?? name.replace(/^\.[a-z]+-/, '')),
        'left-over',
        `removed ${path}/${name}, which an interrupted run left`,
      )
    }
  }

  #isWhole(place: string, digest: string): boolean {
    const { files } = this.#tree
    const found: [string, Uint8Array][] = []
    for (const name of files.names(place)) {
      const reading = readWhole(files, `${place}/${name}`)
      if (reading.state !== 'read') return false
      found.push([name, reading.bytes])
    }
    return found.length > 0 && digestOf(found) === digest
  }

  /**
   * Whether a certificate beside a key that waited for it is one that the ledger notes: the kill came between its
   * line and the rename.
   */
  #isNoted(path: string, place: string): boolean {
    const { files, root } = this.#tree
    if (!path.startsWith('authority/') || this.#tree.listing(place).has(names.bundle)) return false
    const reading = readWhole(files, `${place}/.new-${names.bundle}`)
    const ledger = readWhole(files, `${root}/${names.ledger}`, { limit: ledgerLimit })
    if (reading.state !== 'read' || ledger.state !== 'read') return false
    const last = readLedger(ledger.bytes).lines.findLast(({ address }) => address === path)
    return (
      last?.event === 'authority' && last.fingerprint === fingerprintOfPem(latin1Of(reading.bytes))
    )
  }

  /** A directory that was made for what then did not come. */
  #dropEmpty(parent: string, name: string): void {
    const { files, root } = this.#tree
    const place = `${root}/${parent}/${name}`
    if (this.#tree.listing(place).size > 0) return
    files.rmdir(place)
    this.#tree.forget(place)
    this.#tree.note(`${root}/${parent}`, name, undefined)
  }

  /** Adds the ledger line of an authority whose run was killed before it wrote the line. */
  #recordAuthority(address: string, place: string): void {
    const { files, root, touched } = this.#tree
    const reading = readWhole(files, `${place}/${names.bundle}`)
    if (reading.state !== 'read') return
    const fingerprint = fingerprintOfPem(latin1Of(reading.bytes))
    const path = `${root}/${names.ledger}`
    const ledger = readWhole(files, path, { limit: ledgerLimit })
    const known =
      ledger.state === 'read' &&
      readLedger(ledger.bytes).lines.some(
        (line) => line.address === address && line.fingerprint === fingerprint,
      )
    if (known) return
    const at = Math.floor(reading.status.mtimeMs)
    appendLedger(files, path, ledgerEnd(files, path), [
      { event: 'authority', address, at, fingerprint, healed: true },
    ])
    touched.add(path)
    touched.add(root)
  }

  #mendLedger(): void {
    const { files, root, touched } = this.#tree
    this.doing = names.ledger
    const path = `${root}/${names.ledger}`
    const end = ledgerEnd(files, path)
    if (end.torn.length === 0) return
    const mended = mendLedger(files, path, end)
    touched.add(path)
    this.#say(
      'store',
      'left-over',
      mended.seq === end.seq
        ? `removed ${count(end.torn.length, 'byte')} from the ledger: an incomplete last line`
        : 'added the missing newline to the last line of the ledger',
    )
  }

  #say(address: string, reason: 'left-over' | 'unfinished', message: string): void {
    this.#findings.push(finding('note', address, reason, shownPath(message)))
  }
}

/** SHA-256 of what the first PEM block holds, as the other lines have it. */
function fingerprintOfPem(text: string): string {
  const der = scanPem(text).blocks[0]?.der ?? new Uint8Array()
  return sha256(der)
}
