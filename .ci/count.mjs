// Prints `PASSED FAILED` of a finished test run: count.mjs json|text FILE EXIT-STATUS
import { readFileSync } from 'node:fs'

const [kind, file, statusText] = process.argv.slice(2)
const status = Number(statusText)

function fromJson(text) {
  const report = JSON.parse(text)
  // A test that did not run has not passed.
  const passed = report.numPassedTests
  return { passed, failed: report.numTotalTests - passed, sound: report.success === true }
}

function fromText(text) {
  const line = text.match(/^\s*Tests\s+(.*)\(\d+\)\s*$/m)?.[1] ?? ''
  const number = (word) => Number(line.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0)
  const failed = number('failed') + number('skipped') + number('todo')
  return { passed: number('passed'), failed, sound: true }
}

let counts = { passed: 0, failed: 0, sound: false }
try {
  const text = readFileSync(file, 'utf8')
  counts = kind === 'json' ? fromJson(text) : fromText(text)
} catch {
  // No report: counted as a failure below.
}
// A file that doesn't load, an unhandled error, or a run of nothing fails no single test.
const broken = status !== 0 || !counts.sound || counts.passed === 0
const failed = counts.failed === 0 && broken ? 1 : counts.failed
process.stdout.write(`${counts.passed} ${failed}\n`)
