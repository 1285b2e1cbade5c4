/**
 * An engine like Vault's and OpenBao's, behind HTTP in this process: the calls that we make, answered as OpenBao 2.7.2
 * answers them. What it does with a call can be scripted. It does not judge names: that is asked of a real one.
 */

import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { sameBytes } from '../../src/bytes.js'
import { sequence } from '../../src/der/write.js'
import { algorithmOf, type PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { keyIdentifierOf } from '../../src/keys/public-key.js'
import { samePublicKey } from '../../src/keys/public-key.js'
import { signBytes } from '../../src/keys/sign.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { assembleCertificate, encodeTbs } from '../../src/x509/encode.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.js'
import type { GeneralName } from '../../src/x509/extension.js'
import { encodeCrl, encodeTbsCrl } from '../../src/x509/make-crl.js'
import { encodeName, parseName } from '../../src/x509/name.js'
import { encodeRequest, makeRequest, parseRequest } from '../../src/x509/request.js'

/** A call as it came. */
export interface Called {
  readonly method: string
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  readonly token: string | undefined
  readonly namespace: string | undefined
}

/** An answer that is given in place of the usual one. */
export interface Scripted {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Destroys the connection after the call was carried out. */
  readonly cut?: boolean
  /** Milliseconds before the answer. */
  readonly after?: number
}

/** An engine that runs. */
export interface FakeEngine {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  readonly calls: readonly Called[]
  /** Everything that it signed. */
  readonly signed: readonly string[]
  /** Tokens that count. */
  readonly tokens: Set<string>
  readonly issuers: Map<string, Record<string, unknown>>
  readonly roles: Map<string, Readonly<Record<string, unknown>>>
  /** Serial numbers of what was revoked, with colons. */
  readonly revoked: Set<string>
  /** What its lists name. Default: what was revoked. */
  listed?: ReadonlySet<string> | undefined
  /** Paths where the engine is mounted. */
  readonly mounts: Set<string>
  /** Keys, by name. */
  readonly keys: Map<string, PrivateKey>
  /** Looks at each call first; `undefined`: as usual. */
  script: (call: Called) => Scripted | undefined
  close(): Promise<void>
}

/** What it begins with. */
export interface FakeEngineOptions {
  /** Serves HTTPS with these. Default: HTTP. */
  readonly tls?: https.ServerOptions
  /** Epoch milliseconds. */
  readonly clock?: () => number
}

/** Starts an engine on a loopback. The token `root` counts. */
export async function fakeEngine({
  tls,
  clock = Date.now,
}: FakeEngineOptions = {}): Promise<FakeEngine> {
  const calls: Called[] = []
  const signed: string[] = []
  const mounts = new Set<string>()
  const issuers: FakeEngine['issuers'] = new Map()
  const roles: FakeEngine['roles'] = new Map()
  const keys: FakeEngine['keys'] = new Map()
  const revoked: FakeEngine['revoked'] = new Set()
  const tokens = new Set(['root'])
  const handle: http.RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const call: Called = {
        method: request.url?.includes('list=true') === true ? 'LIST' : (request.method ?? ''),
        path: decodeURIComponent((request.url ?? '').replace(/^\/v1\//, '').replace(/\?.*$/, '')),
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
        token: request.headers['x-vault-token'] as string | undefined,
        namespace: request.headers['x-vault-namespace'] as string | undefined,
      }
      calls.push(call)
      const scripted = engine.script(call)
      const usual = scripted === undefined || scripted.cut === true ? answer(call) : scripted
      if (scripted?.cut === true) {
        request.socket.destroy()
        return
      }
      setTimeout(() => {
        response.writeHead(usual.status, { 'Content-Type': 'application/json', ...usual.headers })
        response.end(usual.body === undefined ? '' : JSON.stringify(usual.body))
      }, usual.after ?? 0)
    })
  }
  const server = tls === undefined ? http.createServer(handle) : https.createServer(tls, handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const engine: FakeEngine = {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    ...{ calls, signed, tokens, issuers, roles, keys, mounts, revoked },
    script: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return engine

  function answer(call: Called): Scripted {
    const { method, path, body, token } = call
    const data = (value: unknown): Scripted => ({ status: 200, body: { data: value } })
    const fail = (status: number, ...errors: readonly string[]): Scripted => ({
      status,
      body: { errors },
    })
    if (path === 'sys/health') {
      return { status: 200, body: { server_time_utc: Math.floor(clock() / 1000) } }
    }
    if (path === 'auth/approle/login') {
      if (body.role_id !== 'role' || body.secret_id !== 'secret') {
        return fail(400, 'invalid role or secret ID')
      }
      const fresh = `s.${tokens.size}`
      tokens.add(fresh)
      return { status: 200, body: { auth: { client_token: fresh } } }
    }
    if (token === undefined || !tokens.has(token)) return fail(403, 'permission denied')
    if (Object.values(body).flat().length >= 1_000) {
      const exceeded = 'exceeded maximum number of strings'
      return fail(400, `refused JSON input due to high complexity: ${exceeded}`)
    }
    if (path === 'sys/capabilities-self') {
      const paths = listIn(body.paths)
      if (paths.length === 0) return fail(400, 'paths must be supplied')
      return data(Object.fromEntries(paths.map((one) => [one, ['update']])))
    }
    const mount = /^sys\/mounts\/(.+)$/.exec(path)?.[1]
    if (mount !== undefined) {
      if (method === 'GET') {
        return mounts.has(mount)
          ? data({ type: 'pki' })
          : fail(400, `No secret engine mount at ${mount}/`)
      }
      mounts.add(mount)
      return { status: 204 }
    }
    const home = [...mounts].find((one) => path.startsWith(`${one}/`))
    if (home === undefined)
      return fail(404, `no handler for route "${path}". route entry not found.`)
    const below = path.slice(home.length + 1)
    if (method === 'LIST' && below === 'keys') {
      if (keys.size === 0) return fail(404)
      const named = [...keys.keys()].map((name) => [`id-${name}`, { key_name: name }] as const)
      return data({ keys: named.map(([id]) => id), key_info: Object.fromEntries(named) })
    }
    const stored = [
      ...[...issuers.values()].map(({ certificate }) => String(certificate)),
      ...signed,
    ].map((pem) => ({ pem, serial: colons(parseCertificates(pem)[0]!.serial) }))
    if (method === 'LIST' && below === 'certs') {
      return stored.length === 0 ? fail(404) : data({ keys: stored.map(({ serial }) => serial) })
    }
    if (method === 'LIST' && below === 'issuers') {
      return issuers.size === 0
        ? fail(404)
        : data({ keys: [...issuers.keys()], key_info: Object.fromEntries(issuers) })
    }
    if (below === 'revoke') {
      const serial = String(body.serial_number)
      if (!stored.some((one) => one.serial === serial)) {
        return fail(400, `certificate with serial ${serial} not found.`)
      }
      revoked.add(serial)
      return data({ revocation_time: Math.floor(clock() / 1000), state: 'revoked' })
    }
    const asked = /^cert\/(.+)$/.exec(below)?.[1]
    if (asked !== undefined) {
      const one = stored.find(({ serial }) => serial === asked)
      if (one === undefined) return fail(404)
      const at = revoked.has(asked) ? Math.floor(clock() / 1000) : 0
      return data({ certificate: one.pem.trimEnd(), revocation_time: at })
    }
    const listOf = /^issuer\/([^/]+)\/crl$/.exec(below)?.[1]
    if (listOf !== undefined) return list(listOf)
    if (/^intermediate\/generate\/(internal|existing)$/.test(below)) {
      const name = String(body.key_name ?? body.key_ref)
      if (below.endsWith('internal')) {
        if (keys.has(name)) return fail(400, 'key name already in use')
        keys.set(
          name,
          generateKeySync(
            body.key_type === 'rsa'
              ? 'rsa-2048'
              : `ecdsa-p${String(body.key_bits) as '256' | '384'}`,
          ),
        )
      }
      const key = keys.get(name)
      if (key === undefined) return fail(500, `unable to find PKI key for reference: ${name}`)
      const subject = encodeName({ commonName: String(body.common_name) })
      return data({ csr: encodeRequest(makeRequest({ subject, key })).trimEnd() })
    }
    if (below === 'intermediate/set-signed') {
      const [certificate] = parseCertificates(String(body.certificate))
      const [there] =
        [...issuers].find(([, one]) =>
          sameBytes(parseCertificates(String(one.certificate))[0]!.der, certificate!.der),
        ) ?? []
      if (there !== undefined) {
        return data({ imported_issuers: null, existing_issuers: [there] })
      }
      const id = `issuer-${issuers.size + 1}`
      const own = [...keys].find(([, key]) =>
        samePublicKey(key.publicKey, certificate!.publicKey),
      )?.[0]
      issuers.set(id, {
        certificate: encodeCertificate(certificate!),
        key_id: own === undefined ? '' : `id-${own}`,
        issuer_name: '',
        leaf_not_after_behavior: 'err',
        usage: 'read-only,issuing-certificates,crl-signing',
      })
      return data({ imported_issuers: [id] })
    }
    if (below === 'issuers/generate/root/existing') {
      const name = String(body.issuer_name)
      if ([...issuers.values()].some((one) => one.issuer_name === name)) {
        return fail(400, 'issuer name already in use')
      }
      const key = keys.get(String(body.key_ref))
      if (key === undefined) return fail(400, 'failed to lookup public key from existing key')
      const certificate = root(key, body)
      issuers.set(`issuer-${issuers.size + 1}`, {
        ...{
          certificate,
          key_id: `id-${String(body.key_ref)}`,
          issuer_name: name,
          leaf_not_after_behavior: 'err',
        },
        usage: 'crl-signing,issuing-certificates,ocsp-signing,read-only',
      })
      return data({ certificate: certificate.trimEnd() })
    }
    const [, certifier] = /^issuer\/([^/]+)\/sign-self-issued$/.exec(below) ?? []
    if (certifier !== undefined) {
      const found = [...issuers.values()].find((one) => one.issuer_name === certifier)
      if (found === undefined)
        return fail(500, `unable to find PKI issuer for reference: ${certifier}`)
      return certify(found, String(body.certificate))
    }
    const [, issuerName, roleName] = /^issuer\/([^/]+)(?:\/sign\/(.+))?$/.exec(below) ?? []
    if (issuerName !== undefined) {
      const found =
        issuers.get(issuerName) ??
        [...issuers.values()].find((one) => one.issuer_name === issuerName)
      if (found === undefined)
        return fail(500, `unable to find PKI issuer for reference: ${issuerName}`)
      if (method === 'PATCH') Object.assign(found, body)
      return roleName === undefined ? data(found) : sign(found, roles.get(roleName), body)
    }
    const role = /^roles\/(.+)$/.exec(below)?.[1]
    if (role !== undefined) {
      if (method === 'POST') roles.set(role, roleIn(body))
      return roles.has(role) ? data(roles.get(role)) : fail(404)
    }
    return fail(404)
  }

  function list(name: string): Scripted {
    const issuer = [...issuers.values()].find(({ issuer_name: one }) => one === name)
    const [above] = issuer === undefined ? [] : parseCertificates(String(issuer.certificate))
    const key = [...keys.values()].find(
      (one) => above !== undefined && samePublicKey(one.publicKey, above.publicKey),
    )
    if (above === undefined || key === undefined) {
      return { status: 500, body: { errors: [`unable to find PKI issuer for reference: ${name}`] } }
    }
    const now = clock()
    const { signatureIdentifier } = algorithmOf(key.algorithm)
    const tbs = encodeTbsCrl({
      ...{ signatureIdentifier, issuer: above.subject.der, number: 1, thisUpdate: now },
      keyIdentifier: above.subjectKeyIdentifier!,
      nextUpdate: now + 3 * 86_400_000,
      entries: [...(engine.listed ?? revoked)].map((one) => ({
        ...{ serial: one.replaceAll(':', ''), at: now, reason: 'unspecified' as const },
      })),
    })
    const der = assembleCertificate(tbs, signatureIdentifier, signBytes(key, tbs))
    return { status: 200, body: { data: { crl: encodeCrl(der).trimEnd() } } }
  }

  /** A root as OpenBao writes it: its own order of attributes, PrintableString, its own key as its issuer's. */
  function root(key: PrivateKey, body: Readonly<Record<string, unknown>>): string {
    const now = Math.floor(clock() / 1000) * 1000
    const seconds = (field: string): number => Number(String(body[field]).replace('s', '')) * 1000
    const [organization] = (body.organization ?? []) as readonly string[]
    const subject = encodeName({ commonName: String(body.common_name), organization })
    const { signatureIdentifier } = algorithmOf(key.algorithm)
    const identifier = keyIdentifierOf(key.publicKey)
    const tbs = encodeTbs({
      ...{ serial: `4${'7'.repeat(38)}${issuers.size % 10}`, signatureIdentifier },
      ...{ issuer: subject, subject, spki: key.publicKey.spki },
      notBefore: now - seconds('not_before_duration'),
      notAfter: now + seconds('ttl'),
      extensions: [
        keyUsage(['keyCertSign', 'cRLSign']),
        basicConstraints({ ca: true }),
        subjectKeyIdentifier(identifier),
        authorityKeyIdentifier(identifier),
      ],
    })
    return encodeCertificate(assembleCertificate(tbs, signatureIdentifier, signBytes(key, tbs)))
  }

  /** What is self-issued, by an issuer: everything of it stays but who signed it. Not stored. */
  function certify(issuer: Readonly<Record<string, unknown>>, pem: string): Scripted {
    const [asked] = parseCertificates(pem) as [Certificate]
    const [above] = parseCertificates(String(issuer.certificate)) as [Certificate]
    if (!sameBytes(asked.issuer.der, asked.subject.der)) {
      return { status: 500, body: { errors: ['given certificate is not self-issued'] } }
    }
    const key = [...keys.values()].find((one) => samePublicKey(one.publicKey, above.publicKey))!
    const { signatureIdentifier } = algorithmOf(key.algorithm)
    const { serial, notBefore, notAfter, extensions } = asked
    const tbs = encodeTbs({
      ...{ serial, notBefore, notAfter, signatureIdentifier },
      ...{ issuer: above.subject.der, subject: asked.subject.der, spki: asked.publicKey.spki },
      // Written anew, in an order of its own.
      extensions: [...extensions].reverse(),
    })
    const made = encodeCertificate(
      assembleCertificate(tbs, signatureIdentifier, signBytes(key, tbs)),
    )
    return { status: 200, body: { data: { certificate: made.trimEnd() } } }
  }

  function sign(
    issuer: Readonly<Record<string, unknown>>,
    role: Readonly<Record<string, unknown>> | undefined,
    body: Readonly<Record<string, unknown>>,
  ): Scripted {
    if (role === undefined) return { status: 400, body: { errors: ['unknown role'] } }
    const [above] = parseCertificates(String(issuer.certificate)) as [Certificate]
    const key = [...keys.values()].find((one) => samePublicKey(one.publicKey, above.publicKey))!
    const request = parseRequest(String(body.csr))
    const { publicKey } = request
    const kind = publicKey.algorithm?.startsWith('rsa') === true ? 'rsa' : 'ec'
    if (role.key_type !== kind) {
      return {
        status: 400,
        body: { errors: [`role requires keys of type ${String(role.key_type)}`] },
      }
    }
    const { subject, names } =
      role.use_csr_sans === true
        ? { subject: request.subject.der, names: request.subjectAltName ?? [] }
        : { subject: subjectOf(String(body.common_name)), names: namesOf(body) }
    const now = Math.floor(clock() / 1000) * 1000
    const { signatureIdentifier } = algorithmOf(key.algorithm)
    const usages = {
      DigitalSignature: 'digitalSignature',
      KeyEncipherment: 'keyEncipherment',
    } as const
    const tbs = encodeTbs({
      serial: `5${(signed.length + 1).toString(16).padStart(39, '0')}`,
      signatureIdentifier,
      issuer: above.subject.der,
      notBefore: Math.max(now - 60_000, above.notBefore),
      notAfter: now + Number(String(body.ttl).replace('s', '')) * 1000,
      subject,
      spki: publicKey.spki,
      extensions: [
        keyUsage((role.key_usage as (keyof typeof usages)[]).map((one) => usages[one])),
        extendedKeyUsage([
          ...(role.server_flag === true ? (['serverAuth'] as const) : []),
          ...(role.client_flag === true ? (['clientAuth'] as const) : []),
        ]),
        subjectKeyIdentifier(keyIdentifierOf(publicKey)),
        authorityKeyIdentifier(above.subjectKeyIdentifier!),
        {
          ...subjectAltName([
            ...[...names].reverse(),
            ...(typeof role.adds === 'string' ? [{ type: 'dns' as const, value: role.adds }] : []),
          ]),
          // As Go writes it.
          critical: parseName(subject, 'the subject').attributes.length === 0,
        },
      ],
    })
    const pem = encodeCertificate(
      assembleCertificate(tbs, signatureIdentifier, signBytes(key, tbs)),
    )
    signed.push(pem)
    return {
      status: 200,
      body: { data: { certificate: pem.trimEnd(), ca_chain: ['not looked at'] } },
    }
  }
}

function colons(serial: string): string {
  return serial.replace(/(..)(?=.)/g, '$1:')
}

function subjectOf(commonName: string): Uint8Array {
  return commonName === '' ? sequence() : encodeName({ commonName })
}

/** The names of a call, for a role that takes none from the request. */
function namesOf(body: Readonly<Record<string, unknown>>): readonly GeneralName[] {
  const kinds = { alt_names: 'dns', ip_sans: 'ip', uri_sans: 'uri' } as const
  return Object.entries(kinds).flatMap(([field, type]) =>
    (body[field] as string)
      .split(',')
      .filter((value) => value !== '')
      .map((value): GeneralName => ({ type, value })),
  )
}

/** A list as a body may have it: with commas in one text, too. */
export function listIn(value: unknown): readonly string[] {
  return typeof value === 'string' ? value.split(',') : (value as readonly string[])
}

const lists = /^(allowed_(domains|uri_sans|ip_sans_cidr)|key_usage|cn_validations)$/

function roleIn(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(body).map(([field, value]) => [
      field,
      lists.test(field) ? listIn(value) : value,
    ]),
  )
}
