import { describe, expect, test } from 'vitest'
import {
  mayEnter,
  mayRead,
  opennessOf,
  type Permissions,
  writableByAll,
} from '../../src/agent/access.js'

const item = (path: string, mode: number, uid = 10, gid = 20): Permissions => ({
  path,
  mode,
  uid,
  gid,
})
const user = (uid: number, ...gids: readonly number[]): Parameters<typeof mayRead>[0] => ({
  name: 'x',
  uid,
  gids,
})

describe('one class of bits counts, and no other (POSIX.1 §4.5)', () => {
  test.each<[string, number, ReturnType<typeof user>, boolean]>([
    ['the owner', 0o600, user(10), true],
    ['another', 0o600, user(11), false],
    ['the group', 0o640, user(11, 20), true],
    ['another group', 0o640, user(11, 21), false],
    ['everybody', 0o604, user(11, 21), true],
    ['not the group, though everybody else', 0o604, user(11, 20), false],
    ['not the owner, though the group', 0o040, user(10, 20), false],
    ['root, whatever the bits', 0o000, user(0), true],
  ])('%s', (_, mode, who, expected) => {
    expect(mayRead(who, item('/f', mode))).toBe(expected)
    // The same with the bits for entering.
    expect(mayEnter(who, item('/d', mode >> 2))).toBe(expected)
  })
})

describe('who else can read', () => {
  const root = item('/', 0o755, 0, 0)
  test('everybody, the group, nobody', () => {
    expect(opennessOf(item('/f', 0o644), [root])).toEqual({ to: 'everyone', shield: undefined })
    expect(opennessOf(item('/f', 0o640), [root])).toEqual({ to: 'group', shield: undefined })
    expect(opennessOf(item('/f', 0o600), [root])).toBeUndefined()
  })

  test('unless a directory keeps them out', () => {
    const closed = item('/d', 0o750)
    expect(opennessOf(item('/d/f', 0o644), [root, closed])?.shield).toBe(closed)
    expect(opennessOf(item('/d/f', 0o640), [root, closed])?.shield).toBeUndefined()
    const foreign = item('/d', 0o750, 10, 21)
    expect(opennessOf(item('/d/f', 0o640), [root, foreign])?.shield).toBe(foreign)
  })

  test('a directory that a link leads out of keeps out nobody', () => {
    const way = [root, item('/secret', 0o700), item('/srv', 0o755)]
    expect(opennessOf(item('/srv/f', 0o644), way)?.shield).toBeUndefined()
    expect(opennessOf(item('/secret/f', 0o644), way)?.shield).toBe(way[1])
    expect(opennessOf(item('/secrets/f', 0o644), way)?.shield).toBeUndefined()
  })
})

test('who can replace: a writable file, or a writable directory without the sticky bit', () => {
  const sticky = item('/tmp', 0o1777)
  const open = item('/pub', 0o777)
  const file = item('/f', 0o666)
  expect(writableByAll(file, [sticky])).toBe(file)
  expect(writableByAll(item('/f', 0o664), [sticky])).toBeUndefined()
  expect(writableByAll(item('/f', 0o600), [sticky, open])).toBe(open)
})
