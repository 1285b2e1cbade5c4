/**
 * What a command is, and what it is called with.
 *
 * @module
 */

import type { Context } from './context.js'
import type { ExitStatus } from './status.js'

/** A command: callable from a test. */
export type Command = (call: Call, context: Context) => Promise<ExitStatus>

/** What a command was called with. */
export interface Call {
  readonly args: readonly string[]
  readonly options: Options
}

/** All options of all commands, by their long names. */
export interface Options {
  readonly file?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly color?: boolean
  readonly debug?: boolean
  readonly agents?: readonly string[]
  readonly all?: boolean
  readonly at?: string
  readonly batch?: string
  readonly cluster?: string
  readonly clients?: readonly string[]
  readonly compat?: boolean
  readonly compromised?: boolean
  readonly combined?: readonly string[]
  readonly config?: string | readonly string[]
  readonly dryRun?: boolean
  readonly due?: boolean
  readonly evidence?: readonly string[]
  readonly except?: string
  readonly fingerprint?: string
  readonly from?: readonly string[]
  readonly giveUp?: boolean
  readonly ip?: readonly string[]
  readonly keepKey?: boolean
  readonly made?: boolean
  readonly layout?: string
  readonly leader?: readonly string[]
  readonly ledgerHead?: string
  readonly lifetime?: string
  readonly list?: string
  readonly long?: boolean
  readonly name?: readonly string[]
  readonly newPasswordFile?: string
  readonly newStore?: boolean
  readonly next?: boolean
  readonly nomadVersion?: string
  readonly offline?: boolean
  readonly operator?: readonly string[]
  readonly out?: string
  readonly outDir?: string
  readonly override?: readonly string[]
  readonly owner?: string
  readonly passwordFile?: string
  readonly plan?: string
  readonly probe?: string | true
  readonly prune?: boolean
  readonly reason?: string
  readonly refuses?: string
  readonly region?: string
  readonly reload?: string
  readonly rideAlong?: boolean
  readonly rollback?: boolean
  readonly serverName?: string | true
  readonly servers?: readonly string[]
  readonly shell?: string
  readonly specOnly?: boolean
  readonly strict?: boolean
  readonly timeout?: string
  readonly tls?: string
  readonly trustOnly?: boolean
  readonly url?: string
  readonly user?: string
  readonly way?: string
  readonly withAuthorityKey?: boolean
  readonly withoutKey?: boolean
  readonly write?: string
  readonly yes?: boolean
}
