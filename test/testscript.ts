/**
 * Runs transcripts in the manner of Go's testscript: a script, and the files it begins with. The
 * command runs in this process, on a context of its own, so that a transcript costs milliseconds.
 *
 * ```text
 * # why this exists
 * ! nomad-pki apply --yes          `!`: it must fail; `? 2 nomad-pki plan`: with this status
 * stderr 'lint: .* missing'        a regular expression over what the last command said
 * ! stdout .                       and what it must not have said
 * exists pki/ledger.jsonl          mode 0400 FILE · cmp FILE FILE · cp, rm, mkdir, chmod, replace FILE OLD NEW
 * exec openssl version             a program of the machine · at +60d (the clock) · stdin TEXT
 *
 * -- cluster.yaml --
 * version: 1
 * ```
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { main } from '../src/cli/main.js'
import { parseDuration } from '../src/duration.js'
import { testContext } from './cli/context.js'
import { copyFolder } from './copy-folder.js'

/** The instant at which every transcript begins: the present, because handshakes know no other. */
const scriptNow: number = Date.now()

/** Runs a transcript in a new folder, which is removed. Throws with the line that does not hold. */
export async function runScript(file: string): Promise<void> {
  const [script = '', ...archive] = fs.readFileSync(file, 'utf8').split(/^-- (.+) --\n/m)
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-script-'))
  try {
    for (let at = 0; at < archive.length; at += 2) {
      const place = path.join(folder, archive[at]!)
      fs.mkdirSync(path.dirname(place), { recursive: true })
      fs.writeFileSync(place, archive[at + 1]!)
    }
    await new Script(file, folder).run(script)
  } finally {
    fs.chmodSync(folder, 0o700)
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** Splits a line into words as a shell does, without expanding anything. */
export function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const [, single, double, bare] of line.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(single ?? double?.replace(/\\(.)/g, '$1') ?? bare ?? '')
  }
  return words
}

class Script {
  readonly #file: string
  readonly #folder: string
  #now = scriptNow
  #input = ''
  #last = { status: 0, stdout: '', stderr: '' }

  constructor(file: string, folder: string) {
    this.#file = file
    this.#folder = folder
  }

  async run(script: string): Promise<void> {
    for (const [index, line] of script.split('\n').entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue
      let words = wordsOf(line.trim())
      const negated = words[0] === '!'
      const status = words[0] === '?' ? Number(words[1]) : undefined
      words = words.slice(negated ? 1 : status === undefined ? 0 : 2)
      const fault = await this.#step(words[0]!, words.slice(1), negated, status)
      if (fault === undefined) continue
      const { stdout, stderr } = this.#last
      throw new Error(
        `${path.basename(this.#file)}:${index + 1}: ${line}\n${fault}\nstdout: ${stdout}\nstderr: ${stderr}`,
      )
    }
  }

  async #step(
    verb: string,
    args: string[],
    negated: boolean,
    wanted: number | undefined,
  ): Promise<string | undefined> {
    const place = (name: string): string => path.join(this.#folder, name)
    const is = (holds: boolean, what: string): string | undefined =>
      holds === negated ? `${what}: ${negated ? 'it is so' : 'it is not so'}` : undefined
    switch (verb) {
      case 'nomad-pki':
      case 'exec': {
        await (verb === 'exec' ? this.#exec(args) : this.#call(args))
        const { status } = this.#last
        if (wanted !== undefined) return status === wanted ? undefined : `exit status ${status}`
        return (status !== 0) === negated ? undefined : `exit status ${status}`
      }
      case 'stdout':
      case 'stderr':
        return is(new RegExp(args[0]!, 'm').test(this.#last[verb]), verb)
      case 'exists':
        return args.map((name) => is(Boolean(lstat(place(name))), name)).find(Boolean)
      case 'mode': {
        const mode = fs.statSync(place(args[1]!)).mode & 0o7777
        return is(mode === Number.parseInt(args[0]!, 8), `mode ${mode.toString(8)}`)
      }
      case 'cmp': {
        const [a = '', b = ''] = args.map((name) =>
          name === 'stdout' ? this.#last.stdout : fs.readFileSync(place(name), 'utf8'),
        )
        return is(a === b, 'same content')
      }
      case 'cp':
        copyFolder(place(args[0]!), place(args[1]!))
        return undefined
      case 'rm':
        fs.rmSync(place(args[0]!), { recursive: true })
        return undefined
      case 'mkdir':
        fs.mkdirSync(place(args[0]!), { recursive: true })
        return undefined
      case 'chmod':
        fs.chmodSync(place(args[1]!), Number.parseInt(args[0]!, 8))
        return undefined
      case 'replace': {
        const before = fs.readFileSync(place(args[0]!), 'utf8')
        if (!before.includes(args[1]!)) return `${args[0]!} does not contain it`
        fs.writeFileSync(place(args[0]!), before.replace(args[1]!, args[2]!))
        return undefined
      }
      case 'at':
        this.#now = scriptNow + (parseDuration(args[0]!.slice(1)) ?? Number.NaN)
        return Number.isNaN(this.#now) ? 'not a span' : undefined
      case 'stdin':
        this.#input = `${args[0]!}\n`
        return undefined
      default:
        return `unknown verb ${verb}`
    }
  }

  async #call(args: readonly string[]): Promise<void> {
    const world = testContext({ argv: args, cwd: this.#folder, now: this.#now, input: this.#input })
    const status = await main(world.context)
    this.#input = ''
    this.#last = { status, stdout: world.stdout(), stderr: world.stderr() }
  }

  async #exec([program = '', ...args]: readonly string[]): Promise<void> {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      cwd: this.#folder,
      encoding: 'utf8',
      input: this.#input,
    })
    if (error !== undefined) throw error
    this.#last = { status: status ?? 128, stdout, stderr }
  }
}

function lstat(file: string): fs.Stats | undefined {
  return fs.lstatSync(file, { throwIfNoEntry: false })
}
