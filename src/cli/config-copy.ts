/**
 * The copy of an agent's configuration here, and the record of its last pull.
 *
 * @module
 */

import path from 'node:path'
import type { DesiredConfig } from '../cluster/desired.js'
import { nodeFiles } from '../files/files.js'
import type { ConfigPut } from '../rollout/config-scripts.js'
import { formatPulled, parsePulled, putsOf, withPuts, type Pulled } from '../rollout/pulled.js'
import { readCopy, writeCopy, type ConfigCopy } from '../store/config-copies.js'
import type { Workspace } from './workspace.js'

/** A copy and what is known of it. */
export interface Copy {
  /** Absolute. */
  readonly place: string
  readonly copy: ConfigCopy
  /** `undefined`: it was never pulled from this path. */
  readonly pulled: Pulled | undefined
}

/**
 * Reads the copy of a configuration.
 *
 * @param config One with `host`.
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`
 */
export function copyOf(config: DesiredConfig, { base }: Pick<Workspace, 'base'>): Copy {
  const place = path.resolve(base, config.paths[0]!)
  const copy = readCopy(nodeFiles, place)
  const pulled = copy.record && parsePulled(copy.record)
  return { place, copy, pulled: pulled?.path === config.host ? pulled : undefined }
}

/** The files that a rollout puts back; `undefined`: the configuration was not pulled. */
export function putsFor(
  config: DesiredConfig,
  workspace: Pick<Workspace, 'base'>,
): readonly ConfigPut[] | undefined {
  const { copy, pulled } = copyOf(config, workspace)
  return pulled === undefined || config.host === undefined
    ? undefined
    : putsOf(config.host, pulled, copy.files)
}

/** Remembers that the host has what is here. */
export async function rememberPuts(
  config: DesiredConfig,
  workspace: Pick<Workspace, 'base'>,
): Promise<void> {
  const { place, copy, pulled } = copyOf(config, workspace)
  if (pulled === undefined) return
  const record = formatPulled(withPuts(pulled, copy.files))
  const { kind } = pulled
  await writeCopy(nodeFiles, place, copy, { kind, files: new Map(), gone: [], record })
}
