import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'vitest'
import { runScript } from './testscript.js'

const folder = new URL('./scripts/', import.meta.url)

describe('transcripts', () => {
  test.each(fs.readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', async (name) => {
    await runScript(fileURLToPath(new URL(name, folder)))
  })
})
