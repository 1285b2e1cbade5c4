/**
 * The code of each command, loaded when the command is run.
 *
 * @module
 */

import type { Command } from './command.js'
import type { Context } from './context.js'
import type { ExitStatus } from './status.js'
import type { CommandName } from './surface.js'

/** Any of the commands; its options are those that its entry in the table names. */
export type LoadedCommand = (
  call: { readonly args: readonly string[]; readonly options: never },
  context: Context,
) => Promise<ExitStatus>

const loaders: { readonly [Name in CommandName]: () => Promise<Command<Name>> } = {
  init: async () => (await import('./commands/init.js')).command,
  adopt: async () => (await import('./commands/adopt.js')).command,
  add: async () => (await import('./commands/add.js')).command,
  remove: async () => (await import('./commands/remove.js')).command,
  'config show': async () => (await import('./commands/config.js')).show,
  'config diff': async () => (await import('./commands/config.js')).diff,
  'config pull': async () => (await import('./commands/config-pull.js')).command,
  'config check': async () => (await import('./commands/config.js')).check,
  plan: async () => (await import('./commands/plan.js')).command,
  apply: async () => (await import('./commands/apply.js')).command,
  verify: async () => (await import('./commands/verify.js')).command,
  status: async () => (await import('./commands/status.js')).command,
  'rotate leaves': async () => (await import('./commands/rotate-leaves.js')).command,
  'rotate authority': async () => (await import('./commands/rotate-authority.js')).command,
  'rotate tls': async () => (await import('./commands/rotate-tls.js')).command,
  revoke: async () => (await import('./commands/revoke.js')).command,
  pack: async () => (await import('./commands/pack.js')).command,
  rollout: async () => (await import('./commands/rollout.js')).command,
  install: async () => (await import('./commands/install.js')).command,
  renew: async () => (await import('./commands/renew.js')).command,
  'authority show': async () => (await import('./commands/authority.js')).show,
  'authority encrypt': async () => (await import('./commands/authority.js')).encrypt,
  'authority decrypt': async () => (await import('./commands/authority.js')).decrypt,
  'authority setup': async () => (await import('./commands/authority-setup.js')).command,
  'authority request': async () => (await import('./commands/authority-request.js')).command,
  'authority accept': async () => (await import('./commands/authority-accept.js')).command,
  probe: async () => (await import('./commands/probe.js')).command,
  request: async () => (await import('./commands/request.js')).command,
  sign: async () => (await import('./commands/sign.js')).command,
  env: async () => (await import('./commands/env.js')).command,
  inspect: async () => (await import('./commands/inspect.js')).command,
  completion: async () => (await import('./commands/completion.js')).command,
}

/** Loads a command. */
export function loadCommand(name: CommandName): Promise<LoadedCommand> {
  return loaders[name]()
}
