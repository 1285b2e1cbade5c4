/**
 * A real OpenBao of one node, on a loopback with TLS, in memory. It ends with the test file.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { openbaoBinary } from '../real-nomad/harness/binaries.js'
import { freePort } from '../real-nomad/harness/ports.js'
import { cleanEnvironment } from '../real-nomad/harness/run.js'

/** What a call answers. */
export interface Answer {
  readonly status: number
  readonly data: Readonly<Record<string, unknown>>
  readonly auth: { readonly client_token: string } | undefined
  readonly text: string
}

/** A server that runs. */
export interface OpenBao {
  readonly origin: string
  /** The file of its root. */
  readonly ca: string
  /** A call with a token; `root` is one. */
  call(
    method: string,
    path: string,
    body?: object,
    token?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  /** Makes a token with one policy. */
  tokenWith(name: string, policy: string): Promise<string>
  close(): Promise<void>
}

/** Makes one call of a server's API. */
export function answerTo(
  url: string,
  options: https.RequestOptions,
  body?: object,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        const parsed = (text === '' ? {} : JSON.parse(text)) as Partial<Answer>
        const status = response.statusCode ?? 0
        resolve({ status, data: parsed.data ?? {}, auth: parsed.auth, text })
      })
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Starts a server, with its files in a folder. */
export async function openbao(folder: string): Promise<OpenBao> {
  const port = await freePort()
  const log = fs.openSync(join(folder, 'openbao.log'), 'w')
  const args = ['server', '-dev-tls', '-dev-no-store-token', '-dev-root-token-id=root']
  args.push(`-dev-listen-address=127.0.0.1:${port}`, `-dev-tls-cert-dir=${folder}`)
  const child = spawn(openbaoBinary(), args, {
    env: { ...cleanEnvironment(), HOME: folder },
    stdio: ['ignore', log, log],
  })
  const origin = `https://127.0.0.1:${port}`
  const ca = join(folder, 'vault-ca.pem')
  const call: OpenBao['call'] = async (method, path, body, token = 'root', more = {}) =>
    answerTo(
      `${origin}/v1/${path}`,
      { method, ca: fs.readFileSync(ca), headers: { 'X-Vault-Token': token, ...more } },
      body,
    )
  for (let tries = 0; ; tries += 1) {
    if (child.exitCode !== null || tries > 200) {
      throw new Error(
        `OpenBao does not start: ${fs.readFileSync(join(folder, 'openbao.log'), 'utf8')}`,
      )
    }
    const ready = await call('GET', 'sys/health').catch(() => undefined)
    if (ready?.status === 200) break
    await sleep(100)
  }
  return {
    ...{ origin, ca, call },
    async tokenWith(name, policy) {
      const made = await call('POST', `sys/policies/acl/${name}`, { policy })
      if (made.status !== 204) throw new Error(made.text)
      const { auth, text } = await call('POST', 'auth/token/create', { policies: [name] })
      if (auth === undefined) throw new Error(text)
      return auth.client_token
    },
    close: () => ended(child),
  }
}

/** Ends a process at once. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
