/**
 * Passphrases of authorities' keys: from a file descriptor, from what the local file names, or from the terminal. They
 * are never an argument, and never the value of a variable: other users of the machine see both.
 *
 * @module
 */

import { count } from '../count.js'
import path from 'node:path'
import { localFileName, type LocalSettings, type PassphraseSource } from '../cluster/local.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { shownPath } from '../files/fault.js'
import { endWords, runCommand, shownOutput } from '../files/run-command.js'
import type { Passphrases } from '../issuers/encrypted-issuers.js'
import type { Context } from './context.js'
import { readOwn, requireOwnCommand } from './local-file.js'
import { givenPassphrase } from './passphrase.js'
import { askSecret, canAsk } from './prompt.js'

/** A longer passphrase is the wrong file. */
const mostBytes = 1024
/** A shorter one is found by trying. */
const leastCharacters = 8
/** How often a person may be wrong. */
const mostTries = 3

/** Where passphrases can come from. */
export interface PassphraseParts {
  /** `--passphrase-fd` as it was given. */
  readonly descriptor?: string | undefined
  readonly local: () => Promise<LocalSettings>
  /** The folder of the local file. */
  readonly base: string
  /** What to do where there is no terminal. Default: name the descriptor or the local file. */
  readonly remedy?: string | undefined
}

/**
 * The passphrases of this run.
 *
 * @param parts Where they can come from.
 * @param context The world.
 */
export function passphrasesOf(parts: PassphraseParts, context: Context): Passphrases {
  const known = new Map<string, string>()
  let described: Promise<string | undefined> | undefined
  const given = async (name: string): Promise<string | undefined> => {
    // A descriptor is read once, for all keys of the run.
    const line = await (described ??= describedOf(parts.descriptor, context))
    if (line !== undefined) return lineOf(Buffer.from(line), `file descriptor ${parts.descriptor!}`)
    const source = (await parts.local()).passphrases.get(name)
    return source === undefined ? undefined : fromSource(name, source, parts.base, context)
  }
  return {
    async open(name, address, open) {
      const before = known.get(address)
      if (before !== undefined) return open(before)
      const ready = await given(name)
      if (ready !== undefined) {
        const value = attempt(open, ready)
        if (value === undefined) throw wrong(address, await whence(name))
        known.set(address, ready)
        return value.ok
      }
      for (let tries = 1; ; tries += 1) {
        const typed = await ask(`passphrase of ${address}`, name, context, parts.remedy)
        const value = attempt(open, typed)
        if (value !== undefined) {
          known.set(address, typed)
          return value.ok
        }
        if (tries === mostTries) throw wrong(address, `${mostTries} times`)
        context.stderr.write('this passphrase does not open the key\n')
      }
    },
    async forNew(name, address) {
      const ready = await given(name)
      if (ready !== undefined) {
        requirePassphrase(ready)
        known.set(address, ready)
        return ready
      }
      const typed = await ask(`new passphrase of ${address}`, name, context, parts.remedy)
      requirePassphrase(typed)
      const again = await ask('the same again', name, context, parts.remedy)
      if (typed !== again) {
        throw new NomadPkiError('ERR_REFUSED', 'the two passphrases differ; nothing was done')
      }
      known.set(address, typed)
      return typed
    },
  }

  async function whence(name: string): Promise<string> {
    if (parts.descriptor !== undefined) return `from file descriptor ${parts.descriptor}`
    const source = (await parts.local()).passphrases.get(name)
    return source !== undefined && 'file' in source
      ? `from ${shownPath(path.resolve(parts.base, source.file))}`
      : `from its command in ${localFileName}`
  }
}

/** What a descriptor gives; where it gives nothing, no passphrase can be had. */
async function describedOf(
  descriptor: string | undefined,
  context: Context,
): Promise<string | undefined> {
  try {
    return await givenPassphrase({ passphraseFd: descriptor }, context)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_FILE_UNREADABLE')) throw error
    throw new NomadPkiError('ERR_REFUSED', error.message, { hint: error.hint, cause: error })
  }
}

function attempt<Value>(
  open: (passphrase: string) => Value,
  passphrase: string,
): { readonly ok: Value } | undefined {
  try {
    return { ok: open(passphrase) }
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) return undefined
    throw error
  }
}

function wrong(address: string, where: string): NomadPkiError {
  return new NomadPkiError(
    'ERR_KEY_ENCRYPTED',
    `the passphrase does not open the key of ${address} (${where}); nothing was signed with it`,
    {
      address,
      hint: 'nobody can open the key without it: look for the passphrase, or use a backup',
    },
  )
}

async function ask(
  prompt: string,
  name: string,
  context: Context,
  remedy: string | undefined,
): Promise<string> {
  const hint =
    remedy ??
    `give it with --passphrase-fd, or write passphrases: { ${name}: … } into ${localFileName}`
  if (!canAsk(context)) {
    throw new NomadPkiError('ERR_REFUSED', `there is no terminal to ask for the ${prompt} on`, {
      hint,
    })
  }
  return askSecret(context, prompt, hint)
}

function requirePassphrase(passphrase: string): void {
  const length = Array.from(passphrase).length
  if (length >= leastCharacters) return
  throw new NomadPkiError(
    'ERR_REFUSED',
    `the passphrase has ${count(length, 'character')}, wanted at least ${leastCharacters}`,
    { hint: 'take a longer one: several words, or 16 random characters' },
  )
}

/** The passphrase in what a file or a command gives: one line. */
function lineOf(bytes: Uint8Array, where: string): string {
  if (bytes.length > mostBytes) {
    throw refusedSource(`${where} gives more than ${mostBytes} bytes, which is not a passphrase`)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refusedSource(`${where} does not give UTF-8 text`)
  }
  const line = text.replace(/\r?\n$/, '')
  if (line === '') throw refusedSource(`${where} gives an empty passphrase`)
  if (/[\r\n]/.test(line)) throw refusedSource(`${where} gives more than one line`)
  return line
}

async function fromSource(
  name: string,
  source: PassphraseSource,
  base: string,
  context: Context,
): Promise<string> {
  if ('file' in source) {
    const file = path.resolve(base, source.file)
    const bytes = readOwn(
      file,
      'the file with a passphrase',
      (message, hint) => new NomadPkiError('ERR_REFUSED', message, { hint }),
    )
    if (bytes === undefined) {
      throw new NomadPkiError('ERR_REFUSED', `${shownPath(file)}: no such file`, {
        hint: `correct passphrases.${name}.file in ${localFileName}`,
      })
    }
    return lineOf(bytes, shownPath(file))
  }
  const { command: argv, timeout } = source
  const program = argv[0]!
  requireOwnCommand(argv, base, context.env.PATH)
  const { end, stdout, stderr } = await runCommand({
    argv,
    cwd: base,
    env: { ...context.env, NOMAD_PKI_OPERATION: 'passphrase', NOMAD_PKI_AUTHORITY: name },
    timeout,
    outputLimit: mostBytes + 1,
  })
  const said = shownOutput(stderr)
  const words = said === '' ? '' : `: ${said}`
  if (end.how === 'exited' && end.status === 0) return lineOf(stdout, program)
  const how = endWords(end, timeout, 'answer')
  throw refusedSource(`the passphrase of ${name} cannot be had: ${program} ${how}${words}`)
}

function refusedSource(message: string): NomadPkiError {
  return new NomadPkiError('ERR_REFUSED', message, {
    hint: `correct it in ${localFileName}, or give the passphrase with --passphrase-fd`,
  })
}
