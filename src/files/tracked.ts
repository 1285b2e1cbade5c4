/**
 * Whether git would track a directory: private keys in a repository are given away for good.
 *
 * @module
 */

import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { env } from 'node:process'

/** What was found out about a directory in a repository. */
export interface Tracking {
  /** The working tree's root. */
  readonly repository: string
  /** The directory's path in it, with `/`; empty for the root itself. */
  readonly path: string
  /** `tracked`: files in it are in the index. `unignored`: the next `git add` would take them. */
  readonly state: 'tracked' | 'unignored' | 'ignored'
}

/**
 * Asks git, or, where git isn't installed or doesn't answer, reads `.gitignore` itself: then only
 * the plainest lines count, and in doubt a directory is one that git would track.
 *
 * @param directory An absolute path; it need not exist yet. Without `samples` it can be a file.
 * @param samples Paths in it that must be ignored; none: itself.
 * @param options `git`: the program, `git` by default.
 * @returns `undefined` where there is no repository.
 */
export async function trackingOf(
  directory: string,
  samples: readonly string[],
  options: { readonly git?: string } = {},
): Promise<Tracking | undefined> {
  const place = realPlace(directory)
  const repository = repositoryOf(place)
  if (repository === undefined) return undefined
  const path = relative(repository, place).split(sep).join('/')
  const git = options.git ?? 'git'
  const isFile = samples.length === 0
  const paths = isFile
    ? [path]
    : samples.map((sample) => (path === '' ? sample : `${path}/${sample}`))

  const listed = await run(git, repository, [
    '--literal-pathspecs',
    'ls-files',
    '-z',
    '--',
    path === '' ? '.' : path,
  ])
  if (listed?.status === 0) {
    if (listed.output !== '') return { repository, path, state: 'tracked' }
    let ignored = true
    for (const sample of paths) {
      // It takes no literal pathspecs; behind `./` nothing is magic.
      const asked = await run(git, repository, ['check-ignore', '-q', '--', `./${sample}`])
      if (asked === undefined || asked.status > 1) return guess(repository, path, isFile)
      if (asked.status === 1) ignored = false
    }
    return { repository, path, state: ignored ? 'ignored' : 'unignored' }
  }
  return guess(repository, path, isFile)
}

/** The line of `.gitignore` that makes git leave a directory alone. */
export function ignoreLine(path: string): string {
  // gitignore(5): these characters mean something, a backslash makes them plain.
  return `/${path.replace(/[\\*?[\]#!]/g, '\\$&').replace(/ $/, '\\ ')}/`
}

/** The real path of what exists of it, and the rest as it is. */
function realPlace(directory: string): string {
  try {
    return realpathSync.native(directory)
  } catch {
    const parent = dirname(directory)
    return parent === directory ? directory : join(realPlace(parent), basename(directory))
  }
}

function repositoryOf(place: string): string | undefined {
  for (let at = place; ; at = dirname(at)) {
    if (isRepository(join(at, '.git'))) return at
    if (dirname(at) === at) return undefined
  }
}

function isRepository(dotGit: string): boolean {
  try {
    const status = statSync(dotGit)
    // A worktree and a submodule have a file that says where the rest is.
    if (status.isFile()) return readFileSync(dotGit, 'utf8').startsWith('gitdir:')
    return (
      status.isDirectory() &&
      lstatSync(join(dotGit, 'HEAD'), { throwIfNoEntry: false }) !== undefined
    )
  } catch {
    return false
  }
}

/** What a hook sets, for another repository than the one asked about. */
const elsewhere = /^GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE|PREFIX)$/

async function run(
  git: string,
  repository: string,
  args: readonly string[],
): Promise<{ readonly status: number; readonly output: string } | undefined> {
  const kept = Object.entries(env).filter(([name]) => !elsewhere.test(name))
  // Asked before writing only: a plan starts 2 ms sooner without it.
  const { execFile } = await import('node:child_process')
  return new Promise((resolve) => {
    execFile(
      git,
      // What a repository's configuration could make git start is switched off.
      ['-C', repository, '-c', 'core.fsmonitor=false', ...args],
      { env: Object.fromEntries(kept), timeout: 20_000, maxBuffer: 64 * 1024 * 1024 },
      (error, output) => {
        if (error === null) resolve({ status: 0, output })
        else resolve(typeof error.code === 'number' ? { status: error.code, output } : undefined)
      },
    )
  })
}

function guess(repository: string, path: string, isFile: boolean): Tracking {
  if (indexNames(repository, path, isFile)) return { repository, path, state: 'tracked' }
  return { repository, path, state: ignoredByLines(repository, path) ? 'ignored' : 'unignored' }
}

/** The index holds paths as they are (its versions 2 and 3), so that a search for one is enough. */
function indexNames(repository: string, path: string, isFile: boolean): boolean {
  try {
    const index = readFileSync(join(repository, '.git', 'index'))
    return path === '' ? index.readUInt32BE(8) > 0 : index.includes(isFile ? path : `${path}/`)
  } catch {
    return false
  }
}

function ignoredByLines(repository: string, path: string): boolean {
  if (path === '') return false
  const parts = path.split('/')
  // A .gitignore in each directory from the root down to the store itself.
  for (let depth = 0; depth <= parts.length; depth += 1) {
    const lines = ignoreFile(join(repository, ...parts.slice(0, depth)))
    const accepted = new Set(depth === parts.length ? ['*', '/*', '**'] : [])
    for (let end = depth + 1; end <= parts.length; end += 1) {
      const below = parts.slice(depth, end).join('/')
      for (const form of [`/${below}/`, `/${below}`, `/${below}/**`]) accepted.add(form)
      const last = parts[end - 1]!
      accepted.add(`${last}/`)
      accepted.add(last)
      if (end - depth > 1) accepted.add(below).add(`${below}/`)
    }
    let ignored = false
    for (const line of lines) {
      if (line.startsWith('!')) ignored = false
      else if (accepted.has(line)) ignored = true
    }
    if (ignored) return true
  }
  return false
}

function ignoreFile(directory: string): string[] {
  try {
    return readFileSync(join(directory, '.gitignore'), 'utf8')
      .split(/\r?\n/)
      .map((line) => line.replace(/(?<!\\)[ \t]+$/, ''))
  } catch {
    return []
  }
}
