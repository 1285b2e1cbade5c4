/** What travels to a host, and a connection that is cut while it does. */

import { spawnSync } from 'node:child_process'
import { env } from 'node:process'
import { describe, expect, test } from 'vitest'
import { travelling, writtenBy } from '../../src/hosts/host.js'
import { memoryHosts } from '../../src/hosts/memory-hosts.js'
import { thisHost } from '../../src/hosts/this-host.js'

function shell(input: string) {
  const { status, stdout, stderr } = spawnSync('sh', ['-s'], { input, encoding: 'utf8' })
  return { status, stdout, stderr }
}

describe('a script that travels', () => {
  const script = `echo one
cat <<'END'
two
END
exit 3`

  test('runs whole, with its status, and nothing before it counts', () => {
    const { status, stdout } = shell(`echo a profile speaks\n${travelling(script)}`)
    expect(status).toBe(3)
    expect(writtenBy(stdout)).toBe('one\ntwo\n')
  })

  test('cut anywhere it does nothing', () => {
    const whole = travelling(script)
    // The last line alone is what runs it: of `exit $?` nothing need arrive.
    const begun = whole.indexOf('nomad_pki_main </dev/null')
    for (let at = 0; at < begun + 'nomad_pki_mai'.length; at += 1) {
      const { stdout } = shell(whole.slice(0, at))
      expect(writtenBy(stdout) ?? '', `cut at ${at}`).toBe('')
    }
  })

  test('it reads nothing of what comes after it', () => {
    const { stdout } = shell(`${travelling('cat')}echo more\n`)
    expect(writtenBy(stdout)).toBe('')
  })
})

describe('this machine', () => {
  test('runs a script and tells status and outputs', async () => {
    const host = thisHost(env).at('here')
    const answer = await host.run('echo out; echo err >&2; exit 7')
    expect(answer).toEqual({ reached: true, status: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  test('a script that hangs is ended', async () => {
    const began = performance.now()
    const answer = await thisHost(env).at('here').run('exec sleep 20', { timeout: 200 })
    expect(answer).toMatchObject({ reached: false })
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  test('one that writes without end is ended', async () => {
    const answer = await thisHost(env).at('here').run('exec yes')
    expect(answer).toEqual({
      reached: false,
      message: 'it wrote more than 1 MB, and no script of ours does: nothing of it was taken',
    })
  })

  test('an abort ends the waiting', async () => {
    const signal = AbortSignal.timeout(100)
    const answer = await thisHost(env).at('here').run('exec sleep 20', { signal })
    expect(answer).toEqual({ reached: false, message: 'interrupted' })
  })
})

test('hosts of a test answer until they are ended', async () => {
  const hosts = memoryHosts((destination) => ({
    ...{ reached: true, status: 0, stdout: destination, stderr: '' },
  }))
  const host = hosts.at('s1')
  expect(await host.run('true')).toMatchObject({ stdout: 's1' })
  await hosts.end()
  expect(await host.run('true')).toMatchObject({ reached: false })
})
