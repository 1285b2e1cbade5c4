/**
 * The script by which a host makes its key and a request for a certificate, with openssl alone. The key stays there:
 * what comes back is the request, and the signature of the key in use beside it. A host that answers is not trusted:
 * what it says is read within bounds.
 *
 * @module
 */

import { requestNames } from '../delivery/node-request.js'
import { pendingKeyFile } from '../delivery/node.js'
import { NomadPkiError, isNomadPkiError } from '../errors.js'
import type { HostAnswer } from '../hosts/host.js'
import { algorithmOf, type KeyAlgorithm } from '../keys/algorithms.js'
import { shellQuote } from '../shell-quote.js'
import { parseRequestFile, type RequestFile } from '../x509/request.js'
import { hostWords, lastWords } from './host-words.js'
import { prologue } from './scripts.js'

/** What a host is asked for. */
export interface HostQuestion {
  /** Absolute path of the directory with the link `current`. */
  readonly tls: string
  /** `identity/server/global/s1` */
  readonly address: string
  /** Of a new key. */
  readonly algorithm: KeyAlgorithm
  /** Make no key: a request comes only of one that waits already. */
  readonly dryRun: boolean
}

/** What a host answered. */
export type HostRequest =
  /** A key would be made there. */
  | { readonly state: 'new' }
  | {
      readonly state: 'asked'
      /** `new`: made just now. `pending`: an earlier call made it, and its certificate never came. */
      readonly key: 'new' | 'pending'
      readonly file: RequestFile
    }
  | {
      readonly state: 'refused'
      /** One sentence: lower case, no full stop. */
      readonly message: string
      readonly remedy?: string | undefined
    }

/**
 * Makes a key where none waits, and a request: as `nomad-pki request` does it, for hosts without Node. The key is
 * made in a directory that only root can enter, and linked to its name when it is whole.
 *
 * @param question What is asked for.
 * @param installer `templates/install.sh`: how it finds out who else can change a place is taken from it.
 * @throws {NomadPkiError} `ERR_KEY_ALGORITHM`
 */
export function requestScript(
  { tls, address, algorithm, dryRun }: HostQuestion,
  installer: Uint8Array,
): string {
  const { commonName, names } = requestNames(address)
  const count = { dns: 0, uri: 0 }
  const alternatives = names.map(
    ({ type, value }) => `${type.toUpperCase()}.${(count[type] += 1)} = ${value}`,
  )
  return `${prologue}
newline='
'
refuse() { say fault "$2"; exit 1; }
tls=${shellQuote(tls)}
address=${shellQuote(address)}
requested=$tls${pendingKeyFile('')}
${sectionOf(installer, 'another user')}
public_of_key() { openssl pkey -in "$1" -passin pass: -pubout 2>/dev/null </dev/null; }
command -v openssl >/dev/null 2>&1 || refuse tool 'openssl is missing there'
check_way "$tls" whole
current=$tls/current
there=
[ ! -f "$current/manifest.json" ] ||
  there=$(sed -n 's#^ *"address": "\\([A-Za-z0-9._/-]*\\)".*#\\1#p' "$current/manifest.json" | sed 1q)
case $there in
  '' | "$address") ;;
  *) refuse address "its files are those of $there: where a host takes another name, move $tls away first" ;;
esac
loaded=
[ ! -f "$current/cert.pem" ] || loaded=$(openssl x509 -in "$current/cert.pem" -noout -pubkey 2>/dev/null)
key=
spent=
if [ -e "$requested" ] || [ -L "$requested" ]; then
  [ -f "$requested" ] && [ ! -L "$requested" ] ||
    refuse key "$requested is not a plain file: find out who put it there, and remove it"
  [ -O "$requested" ] || refuse key "$requested belongs to another user: find out who made it, and remove it"
  case $(ls -ld "$requested") in
    -???------*) ;;
    *) refuse key "other users can read $requested: find out whether they did, and remove it" ;;
  esac
  public=$(public_of_key "$requested")
  [ -n "$public" ] || refuse key "openssl reads no key in $requested: remove it, if no certificate is on its way for it"
  if [ "$public" = "$loaded" ]; then spent=yes; else key=$requested; fi
fi
if [ -n "$key" ]; then
  say key pending
else
  say key new
  ${dryRun ? 'exit 0' : ':'}
fi
scratch
if [ -z "$key" ]; then
  [ -d "$tls" ] || (umask 022 && mkdir -p "$tls") || refuse place "$tls cannot be made"
  sweep "$tls"
  aside=$(mktemp -d "$tls/nomad-pki-rollout.$$.XXXXXX") || refuse place "nothing can be written to $tls"
  trap 'cd / && rm -rf "$work" "$aside"' EXIT
  openssl genpkey ${keyFlags(algorithm)} -out "$aside/key.pem" 2>error ||
    refuse key "openssl makes no key: $(tail -n 1 error)"
  [ -z "$spent" ] || rm -f "$requested"
  sync
  ln "$aside/key.pem" "$requested" || refuse key "$requested cannot be written"
  rm -rf "$aside"
  sync
  key=$requested
fi
cat >request.cnf <<'END_OF_CONFIG'
[req]
prompt = no
distinguished_name = subject
req_extensions = extensions
[subject]
CN = ${commonName}
[extensions]
subjectAltName = @names
[names]
${alternatives.join('\n')}
END_OF_CONFIG
openssl req -new -batch -sha256 -config request.cnf -key "$key" -out request.pem 2>error &&
  openssl req -in request.pem -config request.cnf -outform DER -out request.der 2>error ||
  refuse request "openssl makes no request: $(tail -n 1 error)"
if [ -n "$loaded" ] && openssl x509 -in "$current/cert.pem" -noout -checkend 0 >/dev/null 2>&1 &&
  [ "$(public_of_key "$current/key.pem")" = "$loaded" ]; then
  openssl cms -sign -binary -noattr -md sha256 -signer "$current/cert.pem" -inkey "$current/key.pem" \\
    -passin pass: -in request.der -outform PEM -out signature.pem 2>/dev/null || rm -f signature.pem
fi
echo request:
cat request.pem
[ ! -f signature.pem ] || cat signature.pem
`
}

/**
 * Reads what {@link requestScript} came to.
 *
 * @param answer Anything at all.
 */
export function readHostRequest(answer: HostAnswer): HostRequest {
  const refuse = (message: string, remedy?: string): HostRequest => ({
    ...{ state: 'refused', message },
    ...(remedy !== undefined && { remedy }),
  })
  if (!answer.reached) return refuse(answer.message, answer.remedy)
  const [told = '', text] = answer.stdout.split(/^request:\n/m, 2)
  const of = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(told)?.[1]
  const fault = of('fault')
  if (fault !== undefined) return refuse(hostWords(fault))
  const key = of('key')
  if (answer.status !== 0 || (key !== 'new' && key !== 'pending')) {
    const last = lastWords(answer.stderr)
    return refuse(`it makes no request${last === '' ? '' : `: ${last}`}`)
  }
  if (text === undefined) {
    return key === 'new' ? { state: 'new' } : refuse('it answers without a request')
  }
  try {
    return { state: 'asked', key, file: parseRequestFile(Buffer.from(text, 'utf8')) }
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return refuse(`its request is not taken: ${hostWords(error.message)}`)
  }
}

/** How openssl is told the algorithm of a key. */
function keyFlags(algorithm: KeyAlgorithm): string {
  const { kind, modulusLength, curve } = algorithmOf(algorithm)
  switch (kind) {
    case 'rsa':
      return `-algorithm RSA -pkeyopt rsa_keygen_bits:${modulusLength}`
    case 'ec':
      return `-algorithm EC -pkeyopt ec_paramgen_curve:${curve} -pkeyopt ec_param_enc:named_curve`
    case 'ed25519':
      throw new NomadPkiError('ERR_KEY_ALGORITHM', 'agents take no key of ed25519')
  }
}

/** The functions below a heading of the installer. */
function sectionOf(installer: Uint8Array, heading: string): string {
  const [, section] = Buffer.from(installer).toString('utf8').split(`\n# ── ${heading} `, 2)
  const [, functions] = /^─*\n([^]*?)\n# ── /.exec(section ?? '') ?? []
  if (functions === undefined) {
    throw new NomadPkiError('ERR_INTERNAL', `install.sh has no section ${heading}`)
  }
  return functions
}
