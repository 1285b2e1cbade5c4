import fs from 'node:fs'
import { describe, test } from 'vitest'
import { runScript } from './testscript.js'

const folder = new URL('./scripts/', import.meta.url)

describe('transcripts', () => {
  test.each(fs.readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', async (name) => {
    await runScript(new URL(name, folder).pathname)
  })
})
