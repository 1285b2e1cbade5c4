/**
 * `inspect`: what is this? A file, an address, or a running agent.
 *
 * @module
 */

import { resolveAddress } from '../../address.js'
import { latin1Of } from '../../bytes.js'
import { readTar, type TarEntry } from '../../delivery/tar.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import { pemBlocks } from '../../keys/pem.js'
import type { PemBlock } from '../../keys/pem-scan.js'
import { fitTogether } from '../../nomad/fit-together.js'
import { passedOver } from '../../nomad/readable.js'
import {
  describeListener,
  endpointFault,
  inspectText,
  parseEndpoint,
} from '../../probe/endpoint.js'
import { describeCfssl, type Description } from '../../report/describe.js'
import { descriptionText, togetherText } from '../../report/description-text.js'
import { printable } from '../../report/style.js'
import { parseCertificate } from '../../x509/certificate.js'
import { parseCfsslJson } from '../../x509/cfssl-json.js'
import { formatName } from '../../x509/name.js'
import { readPkcs12, type Pkcs12Content } from '../../x509/pkcs12.js'
import type { Context } from '../context.js'
import { openSeen } from '../open-seen.js'
import { readPassword } from '../p12-password.js'
import { askSecret } from '../prompt.js'
import {
  container,
  seenCertificate,
  seenChain,
  seenCrl,
  seenHeld,
  seenKey,
  seenPrivate,
  seenRequest,
  unreadable,
  type Place,
  type Seen,
} from '../seen.js'
import { exitStatus, statusOfError } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf } from '../printer.js'
import { openWorkspace, takeInventory } from '../workspace.js'

/** Describes each thing; a secret is never shown. */
export const command: Command<'inspect'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const found: Seen[] = []
  let failed: unknown
  for (const arg of args) {
    try {
      found.push(...(await look(arg, options, context)))
    } catch (error) {
      if (!isOfOne(error) || args.length === 1) throw error
      found.push(unreadable(arg, error))
      failed ??= error
    }
  }
  const { seen, wrong } = await openSeen(found, options, context)
  const { refusedHere, ...together } = fitTogether(
    seen.flatMap(({ thing }) => (thing === undefined ? [] : [thing])),
    context.now(),
  )
  const things = withOwners(
    seen.map(({ description }) => refusedBeside(description, refusedHere.get(description.where))),
  )
  if (printer.json) {
    printer.document({ format: 'nomad-pki/inspect', version: 1, things, together })
  } else {
    const texts = things.map((thing) => descriptionText(thing, printer.style, context.now()))
    const told = togetherText(together, printer.style)
    printer.answer([...texts, ...(told === '' ? [] : [told])].join('\n\n'))
  }
  for (const where of wrong) {
    printer.report(`error: the passphrase does not open ${printable(where)}`)
  }
  // What cannot be read hides nothing else, and is not passed over.
  if (failed !== undefined) return statusOfError(failed)
  return wrong.length > 0 || things.some(({ kind }) => kind === 'unreadable')
    ? exitStatus.error
    : exitStatus.ok
}

/** Whether an error says something of one thing, and so hides none of the others. Ctrl-C ends them all. */
function isOfOne(error: unknown): error is NomadPkiError {
  return isNomadPkiError(error) && error.code !== 'ERR_INTERRUPTED'
}

async function look(
  arg: string,
  options: Options<'inspect'>,
  context: Context,
): Promise<readonly Seen[]> {
  if (arg === '-' || (await context.exists(arg))) {
    return describeBytes(await context.readFile(arg), arg === '-' ? 'stdin' : arg, options, context)
  }
  const endpoint = parseEndpoint(arg)
  if (endpoint !== undefined) {
    const { chain, rpc, protocol, asksForCertificate, authorities } = await describeListener(
      endpoint.host,
      endpoint.port,
    )
    return [
      ...seenChain(chain, arg, context),
      {
        description: {
          kind: 'endpoint',
          where: arg,
          ...{ rpc, protocol },
          asksForCertificate,
          ...(authorities && { authorities: authorities.map(formatName) }),
        },
      },
    ]
  }
  const fault = endpointFault(arg)
  if (fault !== undefined) {
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${arg}: no such file, and ${fault.message}`, {
      hint: fault.hint,
    })
  }
  try {
    return await describeAddress(arg, options, context)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    // That it can't be an address either is the smaller half of the answer.
    const { code, message, hint } = error
    const ofAddress = code === 'ERR_ADDRESS_UNKNOWN' || code === 'ERR_SPEC_INVALID'
    if (!ofAddress) throw error
    // A name of a host is as likely meant: without a port nothing tells.
    const asked = /^[A-Za-z0-9.-]+$/.test(arg) ? inspectText(arg) : undefined
    const known = code === 'ERR_SPEC_INVALID' ? 'nomad-pki plan shows them' : hint
    const hints = [known, asked && `for the agent of a host of that name: ${asked}`]
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${arg}: no such file, and ${message}`, {
      hint: hints.filter((one) => one !== undefined).join('; ') || undefined,
      cause: error,
    })
  }
}

async function describeBytes(
  bytes: Uint8Array,
  where: string,
  options: Options<'inspect'>,
  context: Context,
): Promise<readonly Seen[]> {
  // RFC 1952 §2.3.1. What pack writes is not compressed, so PEM can be seen in it and not be read.
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return describeArchive(bytes, where, options, context)
  if (bytes.length === 0) {
    throw new NomadPkiError('ERR_CERTIFICATE_MALFORMED', `${where}: the file is empty`)
  }
  const text = latin1Of(bytes)
  const cfssl = /^(?:\u00ef\u00bb\u00bf)?\s*\{/.test(text)
    ? parseCfsslJson(utf8Of(bytes))
    : undefined
  if (cfssl?.kind === 'output') {
    const inside = await Promise.all(
      [...cfssl.texts].map(async ([name, pem]) =>
        describeBytes(Buffer.from(pem), `${where} (${printable(name)})`, options, context),
      ),
    )
    return [container(where, 'output of cfssl', inside.flat()), ...inside.flat()]
  }
  if (cfssl !== undefined) return [{ description: describeCfssl(cfssl, where) }]
  if (!text.includes('-----BEGIN ')) return describeDer(bytes, where, options, context)
  const blocks = pemBlocks(text)
  return blocks.flatMap((block, index): readonly Seen[] => {
    const { start, end } = block
    const place = blocks.length > 1 ? `${where} (${index + 1} of ${blocks.length})` : where
    const before = blocks.slice(0, index).filter((one) => one.label === 'CERTIFICATE').length
    const inFile = { file: where, before }
    return readable(place, blocks.length > 1, () =>
      describeBlock(block, place, text.slice(start, end), inFile, context),
    )
  })
}

/** What `pack` made: all PEM in it. Whether a node would take the archive is not looked at. */
async function describeArchive(
  bytes: Uint8Array,
  where: string,
  options: Options<'inspect'>,
  context: Context,
): Promise<readonly Seen[]> {
  let entries: readonly TarEntry[]
  try {
    entries = readTar(bytes)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_ARCHIVE_INVALID')) throw error
    throw new NomadPkiError(
      'ERR_CERTIFICATE_MALFORMED',
      `${where}: a gzip file, and ${error.message}`,
      { hint: 'unpack it, and inspect the certificates in it', cause: error },
    )
  }
  const things: Seen[] = []
  for (const { path, bytes: content } of entries.filter((entry) => entry.path.endsWith('.pem'))) {
    const place = `${where} (${printable(path)})`
    try {
      things.push(...(await describeBytes(content, place, options, context)))
    } catch (error) {
      if (!isOfOne(error)) throw error
      things.push(unreadable(place, error))
    }
  }
  if (things.length > 0) return things
  throw new NomadPkiError(
    'ERR_CERTIFICATE_MALFORMED',
    `${where}: an archive without certificates and keys`,
    { hint: 'nomad-pki pack NODE --out FILE makes one that has them' },
  )
}

/** One block among several that cannot be read is told as such; a single one is the error. */
function readable(where: string, several: boolean, read: () => readonly Seen[]): readonly Seen[] {
  try {
    return read()
  } catch (error) {
    if (!several || !isNomadPkiError(error)) throw error
    return [unreadable(where, error)]
  }
}

function describeBlock(
  block: PemBlock,
  place: string,
  text: string,
  inFile: Place['inFile'],
  context: Context,
): readonly Seen[] {
  const { label, der } = block
  if (label.endsWith('PRIVATE KEY')) return [seenPrivate(text, place, inFile?.file)]
  if (/^(X509 |TRUSTED )?CERTIFICATE$/.test(label)) {
    const certificate = parseCertificate(der)
    const form = passedOver(block, certificate.basicConstraints?.ca === true)
    return [
      seenCertificate(certificate, place, context, form === undefined ? { inFile } : { form }),
    ]
  }
  if (label.endsWith('CERTIFICATE REQUEST')) return [seenRequest(der, place)]
  if (label === 'X509 CRL') return [seenCrl(der, place)]
  // What stands beside a SEC1 key and says nothing that the key does not.
  if (label === 'EC PARAMETERS') return []
  throw new NomadPkiError('ERR_PEM_MALFORMED', `${place}: unsupported PEM block type ${label}`)
}

async function describeDer(
  bytes: Uint8Array,
  where: string,
  options: Options<'inspect'>,
  context: Context,
): Promise<readonly Seen[]> {
  const attempts: (() => Seen)[] = [
    () =>
      seenCertificate(parseCertificate(bytes), where, context, {
        form: 'it is in DER and not in PEM',
      }),
    () => seenPrivate(bytes, where),
    () => seenRequest(bytes, where),
    () => seenCrl(bytes, where),
  ]
  for (const attempt of attempts) {
    try {
      return [attempt()]
    } catch (error) {
      if (!isNomadPkiError(error)) throw error
    }
  }
  // PFX ::= SEQUENCE { version INTEGER (3), … } (RFC 7292 §4); indefinite lengths occur.
  if (
    bytes[0] !== 0x30 ||
    !Buffer.from(bytes.subarray(0, 9)).includes('\u0002\u0001\u0003', 0, 'latin1')
  ) {
    throw new NomadPkiError(
      'ERR_CERTIFICATE_MALFORMED',
      `${where}: neither PEM nor a certificate, key, request, revocation list or PKCS#12 in DER, nor JSON of cfssl`,
    )
  }
  const open = async (): Promise<Pkcs12Content> => {
    if (options.passwordFile === undefined) {
      // Many files have no password: try that before asking.
      try {
        return await readPkcs12(bytes, '')
      } catch (error) {
        if (!isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) throw error
      }
    }
    return readPkcs12(bytes, await passwordOf(where, options, context))
  }
  const { keys, certificates, friendlyName } = await open()
  const inside = [
    ...certificates.map((certificate, index) =>
      seenCertificate(certificate, `${where} (certificate ${index + 1})`, context),
    ),
    ...keys.map(({ publicKey }, index) =>
      seenKey(publicKey, keys.length > 1 ? `${where} (key ${index + 1})` : `${where} (key)`),
    ),
  ]
  return [container(where, 'PKCS#12', inside, friendlyName), ...inside]
}

async function passwordOf(
  where: string,
  options: Options<'inspect'>,
  context: Context,
): Promise<string> {
  return options.passwordFile === undefined
    ? askSecret(context, `password of ${where}`, 'put it into a file: --password-file FILE')
    : readPassword(context, options.passwordFile)
}

function utf8Of(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\ufeff/, '')
}

/** An address of the spec's cluster; generations are those that the store has. */
async function describeAddress(
  text: string,
  options: Options<'inspect'>,
  context: Context,
): Promise<readonly Seen[]> {
  const file = options.file ?? 'cluster.yaml'
  if (!(await context.exists(file))) {
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${text}: no such file`, {
      hint: `an address needs the spec, and ${file} does not exist either`,
    })
  }
  const inventory = await takeInventory(
    await openWorkspace(context, options, printerOf(context, options)),
  )
  const { authorities, bundles, identities } = inventory
  const address = resolveAddress(text, [
    ...authorities.keys(),
    ...bundles.keys(),
    ...identities.keys(),
  ])
  return describeFound(address, inventory, context)
}

function describeFound(
  address: string,
  { authorities, bundles, identities }: Inventory,
  context: Context,
): readonly Seen[] {
  const authority = authorities.get(address)
  if (authority !== undefined) {
    const { certificate, key, crossed } = authority
    return [
      ...seenChain(certificate === undefined ? [] : [certificate], address, context),
      ...[...crossed].map(([by, cross]) =>
        seenCertificate(cross, `${address}, signed by generation ${by}`, context, {
          inPlace: true,
        }),
      ),
      ...seenHeld(key, address),
    ]
  }
  const bundle = bundles.get(address)
  if (bundle !== undefined) return seenChain(bundle.certificates, address, context)
  const current = identities.get(address)?.current
  if (current === undefined) {
    throw new NomadPkiError('ERR_STORE_UNREADABLE', `${address} has no current generation`, {
      hint: 'nomad-pki plan says why',
    })
  }
  return [...seenChain(current.chain, address, context), ...seenHeld(current.key, address)]
}

/** What it says itself comes first. */
function refusedBeside(thing: Description, refused: string | undefined): Description {
  if (thing.kind !== 'certificate' || thing.refused !== undefined || refused === undefined) {
    return thing
  }
  return { ...thing, refused }
}

/** Which of the certificates beside it a key belongs to. */
function withOwners(things: readonly Description[]): readonly Description[] {
  return things.map((thing) => {
    if (thing.kind !== 'key' || thing.keyIdentifier === undefined) return thing
    const belongsTo = things.flatMap((other) =>
      other.kind === 'certificate' && other.keyIdentifier === thing.keyIdentifier
        ? [other.fingerprint]
        : [],
    )
    return { ...thing, belongsTo }
  })
}
