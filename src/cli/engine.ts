/**
 * Vault or OpenBao, as this machine reaches it: the environment, the local file, a token.
 *
 * @module
 */

import path from 'node:path'
import { localFileName, type LocalVault } from '../cluster/local.js'
import type { Finding } from '../diagnostics.js'
import { engineClient } from '../engine/client.js'
import { lookAtCertificates } from '../engine/look-at-certificates.js'
import { lookAtFormerRoles } from '../engine/former-roles.js'
import { lookAtEngine, unseen } from '../engine/look.js'
import { lookAtNodes } from '../engine/look-at-nodes.js'
import type { AppRoleCredentials, EngineLogin } from '../engine/login.js'
import { engineSession, type EngineSession } from '../engine/session.js'
import { engineSettings, programOf, valueOf, variableFor } from '../engine/settings.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { unlinkQuietly } from '../files/aside.js'
import { shownPath } from '../files/fault.js'
import { nodeFiles } from '../files/files.js'
import { placeFile } from '../files/place.js'
import { endWords, runCommand, shownOutput } from '../files/run-command.js'
import type { Inventory } from '../inventory/inventory.js'
import { signUntilAnswer } from '../plan/waiting.js'
import type { Context } from './context.js'
import { localOf, readOwn, requireOwnCommand } from './local-file.js'
import type { Workspace } from './workspace.js'

/** A token and a secret id are shorter. */
const mostBytes = 16 * 1024

/**
 * Opens the engine of the spec. Nothing is asked of it yet.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`, `ERR_LOCAL_INVALID`, `ERR_FILE_UNREADABLE`
 */
export async function openEngine(
  { spec, base }: Pick<Workspace, 'spec' | 'base'>,
  context: Context,
): Promise<EngineSession> {
  const { vault } = spec
  if (vault === undefined) {
    throw new NomadPkiError('ERR_REFUSED', 'the spec does not say where Vault or OpenBao is', {
      hint: 'add vault: { address: "https://…:8200" } to the spec',
    })
  }
  const { vault: local } = await localOf({ spec, base })()
  const { env } = context
  const address = await engineSettings({
    ...{ vault, local, env },
    readFile: (file) => context.readFile(file),
  })
  const { method, mount, role } = vault.auth
  const login = loginOf()
  if (method === 'cert' && address.certificate === undefined) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      'the spec says that a client certificate logs in, and none is set',
      {
        hint: `set ${variableFor(env, 'CLIENT_CERT')} and ${variableFor(env, 'CLIENT_KEY')}`,
      },
    )
  }
  return engineSession(engineClient(address), login)

  function loginOf(): EngineLogin {
    switch (method) {
      case 'token':
        return { method, token: () => tokenOf(local, base, context) }
      case 'approle':
        return { method, mount, credentials: appRole(local, base) }
      case 'cert':
        return { method, mount, role }
      case 'jwt':
        return { method, mount, role, jwt: async () => secretIn('jwtFile', local, base) }
    }
  }
}

/**
 * What Vault or OpenBao has of the authorities that sign from there.
 *
 * @param options `signs`: whether something is about to be signed; `all`: whether the roles of nodes that renew
 *   themselves are read too, and what the engine signed and revoked. Default: they are not.
 * @returns Findings; empty where no authority is in an engine, or everything is right.
 */
export async function seenInEngine(
  workspace: Workspace,
  inventory: Inventory,
  context: Context,
  { signs, all = false }: { readonly signs: boolean; readonly all?: boolean },
): Promise<readonly Finding[]> {
  const { desired } = workspace
  const { authorities } = inventory
  // Until the next generation is set up, the one before it signs, by roles and an issuer that are looked at as ever.
  const signing = signUntilAnswer(desired, inventory, context.now())
  // One that is not certified yet is told by the plan itself.
  const there = signing.authorities.flatMap((authority) => {
    const certificate = authorities.get(authority.address)?.certificate
    return authority.engine === undefined || certificate === undefined
      ? []
      : [{ authority, certificate }]
  })
  // What a former generation signed there may live, wherever the new one is.
  const former = all
    ? (desired.formerInEngine ?? []).filter(
        ({ address }) =>
          authorities.has(address) && there.every(({ authority }) => authority.address !== address),
      )
    : []
  if (there.length + former.length === 0) return []
  const findings: Finding[] = []
  let session: EngineSession
  try {
    session = await openEngine(workspace, context)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    const why = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
    const addresses = [...there.map(({ authority }) => authority), ...former]
    return addresses.map(({ address }) =>
      unseen(address, workspace.spec.vault?.address ?? 'the engine', why),
    )
  }
  try {
    for (const one of there) {
      // One that waits is asked once: a reading command does not wait for a person who unseals.
      const looked = { ...one, desired: signing, now: context.now(), signs }
      findings.push(...(await lookAtEngine(impatient(session), looked)))
      if (!one.authority.signing || findings.some(({ reason }) => reason === 'engine-unseen'))
        continue
      findings.push(...(await lookAtFormerRoles(impatient(session), one.authority, signing)))
    }
    if (all && findings.every(({ reason }) => reason !== 'engine-unseen')) {
      const once = impatient(session)
      findings.push(...(await lookAtNodes(once, desired)))
      const looked = { desired, inventory, now: context.now() }
      findings.push(...(await lookAtCertificates(once, looked)))
    }
  } finally {
    session.close()
  }
  return findings
}

function impatient(session: EngineSession): EngineSession {
  return { ...session, call: (call) => session.call({ ...call, repeat: false }) }
}

async function tokenOf(
  local: LocalVault | undefined,
  base: string,
  context: Context,
): Promise<string> {
  const { env } = context
  const named = valueOf(env, 'TOKEN')
  if (named !== undefined) return tokenIn(Buffer.from(named.value), named.name)
  if (local?.tokenCommand !== undefined) return commanded(local.tokenCommand, base, context)
  const file =
    env.BAO_TOKEN_PATH ?? (env.HOME === undefined ? undefined : path.join(env.HOME, '.vault-token'))
  const bytes =
    file === undefined ? undefined : ownFile(context.resolve(file), 'the file with a token')
  if (bytes !== undefined) return tokenIn(bytes, shownPath(file!))
  throw new NomadPkiError('ERR_REFUSED', 'no token for Vault or OpenBao is at hand', {
    hint: `set ${variableFor(env, 'TOKEN')}, or log in: ${programOf(env)} login`,
  })
}

async function commanded(
  { command: argv, timeout }: NonNullable<LocalVault['tokenCommand']>,
  base: string,
  context: Context,
): Promise<string> {
  const program = argv[0]!
  requireOwnCommand(argv, base, context.env.PATH)
  const { end, stdout, stderr } = await runCommand({
    ...{ argv, cwd: base, env: { ...context.env }, timeout },
    outputLimit: mostBytes,
  })
  const isGood = end.how === 'exited' && end.status === 0
  const isEmpty = /^\s*$/.test(Buffer.from(stdout).toString('latin1'))
  if (isGood && !isEmpty) return tokenIn(stdout, program)
  const said = shownOutput(stderr)
  const ended = isGood ? 'printed nothing' : endWords(end, timeout, 'answer')
  throw new NomadPkiError(
    'ERR_REFUSED',
    `${program}, which prints a token, ${ended}${said === '' ? '' : `: ${said}`}`,
    { hint: `run it by hand, or correct vault.tokenCommand in ${localFileName}` },
  )
}

/** What an AppRole logs in with. A wrapping opens once: what was in it is kept, and then counts. */
function appRole(local: LocalVault | undefined, base: string): () => Promise<AppRoleCredentials> {
  let opened: string | undefined
  return async () => {
    const roleId = secretIn('roleIdFile', local, base)
    if (opened !== undefined) return { roleId, secretId: opened }
    const { wrappedSecretIdFile: file, secretIdFile: kept } = local ?? {}
    const place = file === undefined ? undefined : path.resolve(base, file)
    const bytes = place === undefined ? undefined : ownFile(place, 'the wrapping of the secret id')
    if (place === undefined || (bytes === undefined && kept !== undefined)) {
      return { roleId, secretId: secretIn('secretIdFile', local, base) }
    }
    if (bytes === undefined) {
      throw absent(
        place,
        'a wrapping opens once, and its file is removed then: put a new one there, or write vault: { secretIdFile: FILE } to keep what is in it',
      )
    }
    return {
      roleId,
      wrapping: tokenIn(bytes, shownPath(place)),
      async keep(secretId) {
        opened = secretId
        if (kept !== undefined) {
          const own = path.resolve(base, kept)
          const fresh = `${own}.new`
          unlinkQuietly(nodeFiles, fresh)
          await placeFile(nodeFiles, fresh, Buffer.from(`${secretId}\n`), 0o600)
          nodeFiles.rename(fresh, own)
        }
        unlinkQuietly(nodeFiles, place)
      },
    }
  }
}

function secretIn(
  key: 'roleIdFile' | 'secretIdFile' | 'jwtFile',
  local: LocalVault | undefined,
  base: string,
): string {
  const file = local?.[key]
  const hint = `write vault: { ${key}: FILE } into ${localFileName}`
  if (file === undefined) {
    const what = key === 'jwtFile' ? 'a JWT' : 'an AppRole'
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the spec says that ${what} logs in, and ${localFileName} has no ${key}`,
      { hint },
    )
  }
  const place = path.resolve(base, file)
  const bytes = ownFile(place, `the file of ${key}`)
  if (bytes === undefined) throw absent(place, hint)
  return tokenIn(bytes, shownPath(place))
}

function absent(place: string, hint: string): NomadPkiError {
  return new NomadPkiError('ERR_REFUSED', `${shownPath(place)}: no such file`, { hint })
}

function ownFile(file: string, what: string): Uint8Array | undefined {
  return readOwn(file, what, (message, hint) => new NomadPkiError('ERR_REFUSED', message, { hint }))
}

/**
 * One line of printable ASCII: it becomes a header.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
export function tokenIn(bytes: Uint8Array, where: string): string {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/\r?\n$/, '')
  if (bytes.length <= mostBytes && /^[\x21-\x7e]+$/.test(text)) return text
  throw new NomadPkiError('ERR_REFUSED', `${where} does not give one token`, {
    hint: 'it is one line of letters, digits and punctuation',
  })
}
