/**
 * What `adopt` reads: folders of another tool, and the paths of agents that a pattern stands for.
 *
 * @module
 */

import path from 'node:path'
import type { MaterialFile } from '../adoption/collect.js'
import { materialsIn, unread } from '../adoption/materials.js'
import { NomadPkiError } from '../errors.js'
import { describeFault, errnoOf } from '../files/fault.js'
import { nodeFiles } from '../files/files.js'
import { walkFiles } from '../files/walk.js'
import type { Context } from './context.js'
import { usage } from './usage.js'

/**
 * Reads the folders to adopt.
 *
 * @param store The absolute path of the store, which is passed over.
 */
export async function readFolders(
  folders: readonly string[],
  store: string,
  context: Context,
): Promise<readonly MaterialFile[]> {
  const read = new Map<string, MaterialFile>()
  for (const folder of folders) {
    let walked
    try {
      walked = await walkFiles(nodeFiles, context.resolve(folder), { except: [store] })
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      throw new NomadPkiError('ERR_FILE_UNREADABLE', `${folder}: ${describeFault(error)}`, {
        cause: error,
      })
    }
    for (const one of walked) {
      const way = path.relative(context.cwd, one.path)
      const file = way === '' ? '.' : way.startsWith('..') ? one.path : way
      const materials = 'bytes' in one ? materialsIn(file, one.bytes) : [unread(file, one.message)]
      read.set(one.path, { file, materials })
    }
  }
  return [...read.values()]
}

/** `agents/*` in quotes, for shells and programs that do not spread it. */
export async function expandPatterns(
  patterns: readonly string[],
  context: Context,
): Promise<readonly string[]> {
  const out: string[] = []
  for (const pattern of patterns) {
    if (!pattern.includes('*') || (await context.exists(pattern))) {
      out.push(pattern)
      continue
    }
    const { dir, base } = path.parse(pattern)
    if (dir.includes('*')) {
      throw usage(`--agents ${pattern}: * stands in the last part of a path alone`)
    }
    const shape = new RegExp(
      `^${base.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`,
    )
    const names = namesIn(dir, pattern, context)
      .filter((name) => shape.test(name) && !name.startsWith('.'))
      .sort()
    if (names.length === 0) throw usage(`--agents ${pattern}: no file matches`)
    out.push(...names.map((name) => path.join(dir, name)))
  }
  return out
}

function namesIn(dir: string, pattern: string, context: Context): readonly string[] {
  try {
    return nodeFiles.names(context.resolve(dir))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw new NomadPkiError(
      'ERR_FILE_UNREADABLE',
      `--agents ${pattern}: ${dir === '' ? '.' : dir}: ${describeFault(error)}`,
      { cause: error, hint: 'name the folder that holds the configurations of the agents' },
    )
  }
}
