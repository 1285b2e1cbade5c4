/**
 * Folders that the real tools make, here and now, by the commands that their guides give: each is adopted,
 * nothing is left to do, and what is renewed then passes OpenSSL under the old root.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stateOf } from '../adoption/folders.js'
import { cfsslFolder, command, nomadBinary } from '../real-nomad/harness/binaries.js'
import { run, runOk } from '../real-nomad/harness/run.js'

const made: string[] = []
afterAll(() => {
  for (const one of made) rmSync(one, { recursive: true, force: true })
})

const leafOf = (role: string): string =>
  `-hostname="${role}.global.nomad,localhost,127.0.0.1" - | cfssljson -bare ${role}`
const sign = 'cfssl gencert -ca=nomad-ca.pem -ca-key=nomad-ca-key.pem -config=cfssl.json'
const san = (role: string, host: string): string =>
  `DNS:${role}.global.nomad,DNS:localhost,DNS:${host}.acme.test,IP:127.0.0.1`

/** Shell lines by tool, and the identities that come of them. */
const tools: readonly (readonly [string, string, readonly string[]])[] = [
  [
    // developer.hashicorp.com/nomad/docs/secure/traffic/tls, as it was with cfssl
    "cfssl by the guide's commands",
    `cfssl print-defaults csr | cfssl gencert -initca - | cfssljson -bare nomad-ca
echo '{"signing":{"default":{"expiry":"87600h","usages":["signing","key encipherment","server auth","client auth"]}}}' > cfssl.json
echo '{}' | ${sign} ${leafOf('server')}
echo '{}' | ${sign} ${leafOf('client')}
echo '{}' | ${sign} -profile=client - | cfssljson -bare cli`,
    [
      'identity/client/global/shared',
      'identity/operator/global/cli',
      'identity/server/global/shared',
    ],
  ],
  [
    // demo/tls/GNUmakefile
    "cfssl by Nomad's demo/tls",
    `echo '{"CN":"example.nomad","hosts":["example.nomad"],"key":{"algo":"ecdsa","size":256},"names":[{"C":"US","ST":"CA","L":"San Francisco","OU":"Nomad Demo"}]}' > ca-csr.json
echo '{"names":[{"C":"US","ST":"CA","L":"San Francisco","OU":"Nomad Demo"}]}' > csr.json
echo '{"signing":{"default":{"expiry":"87600h","usages":["signing","key encipherment","server auth","client auth"]}}}' > cfssl.json
echo '{"signing":{"default":{"expiry":"87600h","usages":["signing","key encipherment","client auth"]}}}' > cfssl-user.json
cfssl gencert -initca ca-csr.json | cfssljson -bare ca
for role in server client; do cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=cfssl.json -hostname="$role.global.nomad,localhost,127.0.0.1" csr.json | cfssljson -bare $role; done
cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=cfssl.json -hostname="server.global.nomad,client.global.nomad,localhost,127.0.0.1" csr.json | cfssljson -bare dev
cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=cfssl-user.json csr.json | cfssljson -bare user
openssl pkcs12 -export -inkey user-key.pem -in user.pem -out user.pfx -password pass:`,
    [
      'identity/client/global/shared',
      'identity/combined/global/shared',
      'identity/operator/global/user',
      'identity/server/global/shared',
    ],
  ],
  [
    'nomad tls',
    `nomad tls ca create
nomad tls cert create -server -additional-dnsname s1.acme.test
nomad tls cert create -client
nomad tls cert create -cli`,
    ['identity/client/global/shared', 'identity/operator/global/cli', 'identity/server/global/s1'],
  ],
  [
    'nomad tls with name constraints',
    `nomad tls ca create -name-constraint -domain acme.test
nomad tls cert create -domain acme.test -server -additional-dnsname server.global.nomad`,
    ['identity/server/global/server'],
  ],
  [
    'openssl with an RSA root',
    `openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=Acme' -keyout ca.key -out ca.crt
for pair in server:s1 client:c1; do role=\${pair%:*}; host=\${pair#*:}
openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$role.global.nomad" -keyout $host.key -out $host.csr
printf "subjectAltName=DNS:$role.global.nomad,DNS:localhost,DNS:$host.acme.test,IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n" > $host.ext
openssl x509 -req -in $host.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile $host.ext -out $host.crt; done`,
    ['identity/client/global/c1', 'identity/server/global/s1'],
  ],
  [
    'easy-rsa',
    `export EASYRSA_BATCH=1 EASYRSA_ALGO=ec EASYRSA_CURVE=prime256v1
/usr/share/easy-rsa/easyrsa init-pki
EASYRSA_REQ_CN=Acme /usr/share/easy-rsa/easyrsa build-ca nopass
/usr/share/easy-rsa/easyrsa --subject-alt-name=${san('server', 's1')} build-serverClient-full s1 nopass
/usr/share/easy-rsa/easyrsa --subject-alt-name=${san('client', 'c1')} build-serverClient-full c1 nopass`,
    ['identity/client/global/c1', 'identity/server/global/s1'],
  ],
  [
    'mkcert',
    `export CAROOT="$PWD"
mkcert -client -ecdsa -cert-file s1.pem -key-file s1.key server.global.nomad localhost s1.acme.test 127.0.0.1`,
    ['identity/server/global/s1'],
  ],
]

test.each(tools)('%s', { timeout: 300_000 }, async (name, script, identities) => {
  const base = mkdtempSync(join(tmpdir(), 'nomad-pki adopt '))
  made.push(base)
  const old = join(base, 'old')
  mkdirSync(old)
  writeFileSync(join(base, 'make.sh'), `set -eu\numask 022\n${script}\n`)
  const PATH = `${cfsslFolder()}:${join(nomadBinary(), '..')}:${process.env.PATH ?? ''}`
  execFileSync('sh', [join(base, 'make.sh')], {
    cwd: old,
    env: { PATH, HOME: base, TMPDIR: base },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const before = stateOf(old)
  const pki = (...args: string[]): ReturnType<typeof run> =>
    run(process.execPath, [command, ...args], { cwd: base })
  const adopted = await pki('adopt', 'old', '--cluster', 'acme', '--json')
  expect(adopted).toMatchObject({ status: 0 })
  const said = JSON.parse(adopted.stdout) as { identities: { address: string }[] }
  expect(said.identities.map(({ address }) => address).sort()).toEqual(identities)
  expect(await pki('plan')).toMatchObject({ status: 0, stdout: 'nothing to do\n' })
  const verified = await pki('verify', '--json')
  expect(JSON.parse(verified.stdout)).toMatchObject({ errors: 0 })
  expect(verified.status).toBe(0)
  expect(stateOf(old)).toEqual(before)

  const ca = join(base, 'pki/authority/agent/1/ca.pem')
  expect(readFileSync(ca, 'utf8')).toContain('BEGIN CERTIFICATE')
  expect(await pki('rotate', 'leaves', '--all', '--yes')).toMatchObject({ status: 0 })
  expect(await pki('verify')).toMatchObject({ status: 0 })
  for (const address of identities) {
    const leaf = join(base, 'pki', address, 'current/cert.pem')
    await runOk('openssl', ['verify', '-no-CApath', '-no-CAfile', '-trusted', ca, leaf])
  }
  console.log(`${name}: ${identities.length} identities adopted and renewed`)
})
