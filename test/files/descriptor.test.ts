/** Descriptors that a process was started with: files, pipes and sockets, also those that do not block. */

import fs from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readDescriptor } from '../../src/files/descriptor.js'

const folder = fs.mkdtempSync(path.join(tmpdir(), 'descriptor '))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

/** The descriptor of the near end of a connection: a socket that does not block. */
async function socketOf(
  speak: (other: net.Socket) => void,
): Promise<{ readonly number: number; readonly end: () => void }> {
  const place = path.join(folder, 's')
  const server = net.createServer(speak)
  await new Promise<void>((resolve) => server.listen(place, resolve))
  const near = new net.Socket()
  near.pause()
  await new Promise<void>((resolve) => near.connect(place, resolve))
  server.close()
  const { fd } = (near as unknown as { readonly _handle: { readonly fd: number } })._handle
  return { number: fd, end: () => near.destroy() }
}

test('a file is read from where it stands, and not opened anew', async () => {
  const file = path.join(folder, 'file')
  fs.writeFileSync(file, 'first\nsecond\n')
  const number = fs.openSync(file, 'r')
  fs.readSync(number, Buffer.alloc(6))
  // What lies at its path now is another file.
  fs.rmSync(file)
  expect(Buffer.from(await readDescriptor(number)).toString()).toBe('second\n')
  fs.closeSync(number)
})

test('a socket that does not block is waited for', async () => {
  const { number, end } = await socketOf((other) => {
    setTimeout(() => other.write('one '), 50)
    setTimeout(() => other.end('two'), 150)
  })
  expect(Buffer.from(await readDescriptor(number)).toString()).toBe('one two')
  end()
})

test('one that gives nothing is not waited for without end', async () => {
  const { number, end } = await socketOf(() => undefined)
  await expect(readDescriptor(number, 60)).rejects.toMatchObject({
    code: 'ERR_FILE_UNREADABLE',
    message: `file descriptor ${number}: it gave nothing within 0.06 seconds`,
  })
  end()
})

test('a pipe of this process itself is not one that somebody gave', async () => {
  // Node's own: for signals, and to wake its loop.
  const own = fs
    .readdirSync('/proc/self/fd')
    .map(Number)
    .filter((number) => number > 2 && isPipe(number))
  expect(own.length).toBeGreaterThan(0)
  const said = await Promise.all(
    own.map((number) =>
      readDescriptor(number, 60).then(
        () => 'read',
        (error: unknown) => (error as Error).message,
      ),
    ),
  )
  expect(said.filter((one) => one.endsWith('it is not open')).length).toBeGreaterThan(0)
})

function isPipe(number: number): boolean {
  try {
    return fs.fstatSync(number).isFIFO()
  } catch {
    return false
  }
}

test('what cannot be read is said', async () => {
  const open = (place: string, flags: string): number => fs.openSync(place, flags)
  const cases: readonly (readonly [number, RegExp])[] = [
    [9999, /9999: it is not open for reading/],
    [open(folder, 'r'), /it is a folder/],
    [open(path.join(folder, 'out'), 'w'), /it is not open for reading/],
    [open('/dev/zero', 'r'), /it gives more than 65536 bytes/],
  ]
  for (const [number, message] of cases) {
    await expect(readDescriptor(number)).rejects.toThrow(message)
    if (number !== 9999) fs.closeSync(number)
  }
})
