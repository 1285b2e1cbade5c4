/**
 * Answers that are a JSON document a line.
 *
 * @module
 */

import fs from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'

const schemas = new URL('../../src/report/schemas/', import.meta.url)
const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true })

/** Each line of an answer, held against the schema that it names. */
export function linesOf(stdout: string): readonly Readonly<Record<string, unknown>>[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const document = JSON.parse(line) as Readonly<Record<string, unknown>>
      const name = String(document.format).replace('nomad-pki/', '')
      const validate =
        ajv.getSchema(name) ??
        ajv.compile({
          ...(JSON.parse(fs.readFileSync(new URL(`${name}.json`, schemas), 'utf8')) as object),
          $id: name,
        })
      void validate(document)
      expect(validate.errors, line).toBeNull()
      return document
    })
}
