/**
 * Whether others can change a file that is about to be run, or a folder on the way to it.
 *
 * @module
 */

import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import path from 'node:path'
import { getgid, getuid } from 'node:process'
import { shellQuote } from '../shell-quote.js'
import { shownPath } from './fault.js'

/** What others can change, and how to close it. */
export interface Opening {
  /** One sentence. */
  readonly message: string
  readonly hint: string
}

/** More links than this go in a circle. */
const mostLinks = 40

/**
 * Looks for what others than the user and root can change: the file, each folder above it, and the same of each
 * symbolic link on the way.
 *
 * @param file Absolute.
 * @returns The first opening; `undefined` where there is none, and where there is no plain file: then nothing is run.
 */
export function openingOf(file: string): Opening | undefined {
  let rest = file.split('/').filter((part) => part !== '' && part !== '.')
  let place = '/'
  let links = 0
  let found = opening('/', lstatSync('/'))
  while (rest.length > 0) {
    const [part, ...more] = rest
    rest = more
    if (part === '..') {
      place = path.dirname(place)
      continue
    }
    const next = path.join(place, part!)
    let status: Stats
    try {
      status = lstatSync(next)
    } catch {
      return undefined
    }
    if (status.isSymbolicLink()) {
      if ((links += 1) > mostLinks) return undefined
      const target = readlinkSync(next).split('/')
      if (target[0] === '') place = '/'
      rest = [...target.filter((one) => one !== '' && one !== '.'), ...rest]
      continue
    }
    found ??= opening(next, status)
    place = next
    if (rest.length === 0) return status.isFile() ? found : undefined
  }
  return undefined
}

/**
 * Finds the file of a program as the system will.
 *
 * @param program As it was written.
 * @param options `cwd`: the folder that it runs in; `search`: PATH.
 */
export function placeOfProgram(
  program: string,
  { cwd, search = '/usr/bin:/bin' }: { readonly cwd: string; readonly search?: string | undefined },
): string | undefined {
  if (program.includes('/')) return path.resolve(cwd, program)
  return search
    .split(':')
    .map((folder) => path.resolve(cwd, folder, program))
    .find((file) => {
      try {
        return lstatSync(file).isSymbolicLink() || (lstatSync(file).mode & 0o111) !== 0
      } catch {
        return false
      }
    })
}

function opening(place: string, status: Stats): Opening | undefined {
  const { uid, gid, mode } = status
  const user = getuid?.()
  if (user === undefined) return undefined
  const what = status.isDirectory() ? 'the folder ' : ''
  const shown = shownPath(place)
  if (uid !== 0 && uid !== user) {
    return {
      message: `${what}${shown} belongs to user ${uid}, and this runs as user ${user}: that user can change what is run`,
      hint: 'put the program into a folder of root, such as /usr/local/libexec',
    }
  }
  // In a folder like /tmp only its owner can replace a file.
  if (status.isDirectory() && (mode & 0o1000) !== 0) return undefined
  // Many systems give each user a group of their own, with the same number.
  const own = gid === 0 || (gid === uid && gid === getgid?.())
  if ((mode & (own ? 0o002 : 0o022)) === 0) return undefined
  const bits = (mode & 0o7777).toString(8).padStart(4, '0')
  return {
    message: `other users can change ${what}${shown} (mode ${bits})`,
    hint: `chmod go-w ${shellQuote(place)}`,
  }
}
