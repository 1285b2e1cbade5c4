/**
 * Which states of a change of roots can talk to each other, as measured on real agents. 0: trust A,
 * leaf A. 1: trust A+B, leaf A. 2: trust A+B, leaf B. 3: trust B, leaf B. X: trust B, leaf A.
 * Y: trust A, leaf B. C: trust A+B, leaf B and B's key signed by A behind it.
 */

import { expect, test } from 'vitest'
import { aCluster, remint, type Cluster } from '../builders.js'
import { judgeConnection, type AgentFacts } from '../../src/nomad/judge.js'
import { handshake, type HandshakeFiles } from '../../src/probe/loopback.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { authorityKeyIdentifier } from '../../src/x509/extensions.js'
import { withExtension } from '../builders.js'

const states = ['0', '1', '2', '3', 'X', 'Y', 'C'] as const
type State = (typeof states)[number]

/** Rows dial, columns listen. */
const matrix: Readonly<Record<State, string>> = {
  //   0 1 2 3 X Y C
  '0': '1 1 0 0 0 0 1',
  '1': '1 1 1 0 0 1 1',
  '2': '0 1 1 1 1 0 1',
  '3': '0 0 1 1 0 0 1',
  X: '0 0 1 0 0 1 1',
  Y: '0 1 0 0 1 0 1',
  C: '1 1 1 1 1 1 1',
}

async function root(): Promise<Cluster> {
  return aCluster().withServer('s1').withClient('c1').build()
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  '%s: the matrix, by handshakes and by the judge',
  async (version) => {
    const [a, b] = [await root(), await root()]
    // B's key signed by A: the cross-certificate.
    const cross = remint(b.root(), a.authorities.get('agent')!, ({ extensions }) => ({
      extensions: withExtension(extensions, authorityKeyIdentifier(a.root().subjectKeyIdentifier!)),
    }))
    const files = (state: State, address: string): HandshakeFiles => {
      const leaf = state === '0' || state === '1' || state === 'X' ? a : b
      const trust =
        state === '0' || state === 'Y'
          ? a.bundle
          : state === '3' || state === 'X'
            ? b.bundle
            : a.bundle + b.bundle
      const { cert, key } = leaf.files(address)
      return { cert: state === 'C' ? cert + encodeCertificate(cross) : cert, key, ca: trust }
    }
    const facts = ({ cert, ca }: HandshakeFiles, role: 'server' | 'client'): AgentFacts => ({
      chain: parseCertificates(cert),
      trust: parseCertificates(ca),
      region: 'global',
      role,
      verifyServerHostname: true,
    })
    const seen: Partial<Record<State, string>> = {}
    const judged: Partial<Record<State, string>> = {}
    for (const dialer of states) {
      const handshakes: number[] = []
      const verdicts: number[] = []
      for (const listener of states) {
        const [dials, listens] = [
          files(dialer, 'identity/client/global/c1'),
          files(listener, 'identity/server/global/s1'),
        ]
        const outcome = await handshake(
          {
            dialer: { ...dials, servername: 'server.global.nomad' },
            listener: { ...listens, requestClientCert: true },
          },
          { version },
        )
        handshakes.push(Number(outcome.ok))
        const verdict = judgeConnection(facts(dials, 'client'), facts(listens, 'server'), {
          protocol: 'rpc',
          now: a.now,
        })
        verdicts.push(Number(verdict.ok))
      }
      seen[dialer] = handshakes.join(' ')
      judged[dialer] = verdicts.join(' ')
    }
    expect(judged).toEqual(matrix)
    expect(seen).toEqual(matrix)
  },
)
