/**
 * A headless Chromium, driven through its DevTools protocol over a pipe: what a page looks like to a person, and
 * what it asked the network for.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'

interface Message {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

type Params = Readonly<Record<string, unknown>>

/** How a page is looked at. */
export interface View {
  /** CSS pixels. */
  readonly width: number
  readonly dark?: boolean
  readonly print?: boolean
  readonly script?: boolean
}

/** A node of the accessibility tree. */
export interface Spoken {
  readonly role: string
  readonly name: string
  /** Of a heading. */
  readonly level: number | undefined
}

interface AxNode {
  readonly ignored: boolean
  readonly nodeId: string
  readonly childIds?: readonly string[]
  readonly role?: { readonly value: string }
  readonly name?: { readonly value: string }
  readonly properties?: readonly {
    readonly name: string
    readonly value: { readonly value: unknown }
  }[]
}

function spokenOf(nodes: readonly AxNode[]): readonly Spoken[] {
  const byId = new Map(nodes.map((node) => [node.nodeId, node]))
  const walk = (node: AxNode | undefined): readonly Spoken[] => {
    if (node === undefined) return []
    const { ignored, role, name, properties = [], childIds = [] } = node
    const level = properties.find((one) => one.name === 'level')?.value.value
    const own = { role: role?.value ?? '', name: name?.value ?? '', level: level as number }
    const below = childIds.flatMap((id) => walk(byId.get(id)))
    return ignored ? below : [own, ...below]
  }
  return walk(nodes[0])
}

/** A page that has been loaded. */
export interface Page {
  /** URLs of everything that was asked for. */
  readonly requests: readonly string[]
  /** Exceptions, and what the page's policy refused. */
  readonly complaints: readonly string[]
  /** Milliseconds from the start of the navigation until it was loaded. */
  readonly loaded: number
  /** The value of an expression in the page, which knows the functions of `in-page.mjs`. */
  run<T>(expression: string): Promise<T>
  type(text: string): Promise<void>
  /** Presses the Tab key. */
  tab(): Promise<void>
  /** What a screen reader is told: nodes of the accessibility tree that are not ignored, in their order. */
  spoken(): Promise<readonly Spoken[]>
  /** A PNG of the whole page. */
  screenshot(): Promise<Buffer>
}

const inPage = readFileSync(new URL('in-page.mjs', import.meta.url), 'utf8')

/** Chromium, until it is closed. */
export class Chromium {
  readonly #process: ChildProcess
  readonly #home: string
  readonly #input: Writable
  readonly #answers = new Map<number, (message: Message) => void>()
  readonly #listeners = new Set<(message: Message) => void>()
  #id = 0
  #stderr = ''

  constructor() {
    this.#home = mkdtempSync(join(tmpdir(), 'nomad-pki-chromium-'))
    this.#process = spawn(
      'chromium',
      [
        ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
        ...['--hide-scrollbars', '--no-first-run', '--remote-debugging-pipe'],
        `--user-data-dir=${join(this.#home, 'profile')}`,
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
        env: { ...process.env, HOME: this.#home },
      },
    )
    const [, , errors, input, output] = this.#process.stdio as [
      null,
      null,
      Readable,
      Writable,
      Readable,
    ]
    this.#input = input
    errors.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    const fail = (why: string): void => {
      for (const answer of this.#answers.values()) answer({ error: { message: why } })
    }
    this.#process.on('error', (error) => fail(`chromium: ${error.message}`))
    this.#process.on('exit', (code) => fail(`chromium ended with ${code}: ${this.#stderr}`))
    input.on('error', () => undefined)
    let rest = ''
    output.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\0')
      rest = parts.pop()!
      for (const part of parts) this.#hear(JSON.parse(part) as Message)
    })
  }

  #hear(message: Message): void {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message)
    } else {
      this.#answers.get(message.id)?.(message)
      this.#answers.delete(message.id)
    }
  }

  #send(method: string, params: Params, sessionId?: string): Promise<Record<string, unknown>> {
    const id = (this.#id += 1)
    return new Promise((resolve, reject) => {
      this.#answers.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {})
        else reject(new Error(`${method}: ${error.message}`))
      })
      this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  /** Loads a file. */
  async open(file: string, { width, dark, print, script = true }: View): Promise<Page> {
    const { targetId } = await this.#send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true })
    const send = (method: string, params: Params = {}): Promise<Record<string, unknown>> =>
      this.#send(method, params, sessionId as string)
    const requests: string[] = []
    const complaints: string[] = []
    const loaded = new Promise<void>((resolve) => {
      this.#listeners.add(({ method, params, sessionId: from }) => {
        if (from !== sessionId) return
        if (method === 'Network.requestWillBeSent') {
          requests.push((params!.request as { url: string }).url)
        } else if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded') {
          complaints.push(JSON.stringify(params))
        } else if (method === 'Page.loadEventFired') resolve()
      })
    })
    for (const domain of ['Network', 'Page', 'Runtime', 'Log']) await send(`${domain}.enable`)
    await send('Emulation.setDeviceMetricsOverride', {
      ...{ width, height: 900, deviceScaleFactor: 1, mobile: width < 600 },
    })
    await send('Emulation.setEmulatedMedia', {
      media: print === true ? 'print' : 'screen',
      features: [{ name: 'prefers-color-scheme', value: dark === true ? 'dark' : 'light' }],
    })
    await send('Emulation.setScriptExecutionDisabled', { value: !script })
    await send('Page.navigate', { url: pathToFileURL(file).href })
    await loaded
    await send('Emulation.setScriptExecutionDisabled', { value: false })
    const run = async <T>(expression: string): Promise<T> => {
      const { result, exceptionDetails } = await send('Runtime.evaluate', {
        ...{ expression, returnByValue: true },
      })
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
      return (result as { value: T }).value
    }
    await run(inPage)
    return {
      ...{ requests, complaints, run },
      loaded: await run('loaded()'),
      type: async (text) => {
        await send('Input.insertText', { text })
      },
      tab: async () => {
        const key = { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 }
        await send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key })
        await send('Input.dispatchKeyEvent', { type: 'keyUp', ...key })
      },
      spoken: async () => {
        await send('Accessibility.enable')
        const { nodes } = await send('Accessibility.getFullAXTree')
        return spokenOf(nodes as readonly AxNode[])
      },
      screenshot: async () => {
        const { data } = await send('Page.captureScreenshot', { captureBeyondViewport: true })
        return Buffer.from(data as string, 'base64')
      },
    }
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill()
    await ended
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 })
  }
}
