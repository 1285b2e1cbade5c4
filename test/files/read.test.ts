import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeFiles, type Files } from '../../src/files/files.js'
import { readWhole } from '../../src/files/read.js'

let folder = ''
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nomad-pki-read-'))
})
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

function read(text: string, like: Uint8Array, files: Files = nodeFiles): Uint8Array | undefined {
  const file = path.join(folder, 'f')
  fs.writeFileSync(file, text)
  const reading = readWhole(files, file, { like })
  return reading.state === 'read' ? reading.bytes : undefined
}

test('a file that holds what it probably holds gives the bytes that are known', () => {
  const like = Buffer.from('the same')
  expect(read('the same', like)).toBe(like)
})

test('a file that holds something else gives its own bytes, and they stay', () => {
  const like = Buffer.from('first')
  const second = read('other', like)
  const third = read('third', like)
  expect(String(second)).toBe('other')
  expect(String(third)).toBe('third')
  expect(String(read('longer than that', like))).toBe('longer than that')
})

test('a file that grows while it is read is read to its end', () => {
  const growing: Files = {
    ...nodeFiles,
    fstat: (fd) => {
      const status = nodeFiles.fstat(fd)
      fs.appendFileSync(path.join(folder, 'f'), ', and more')
      return status
    },
  }
  expect(String(read('short', Buffer.from('short'), growing))).toBe('short, and more')
})
