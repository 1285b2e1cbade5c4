/**
 * `--user`: who the agent runs as.
 *
 * @module
 */

import type { AgentUser } from '../agent/index.js'
import type { NomadPkiError } from '../errors.js'
import { isNomadPkiError } from '../errors.js'
import type { Context } from './context.js'
import { usage } from './usage.js'

/**
 * Reads `NAME`, `UID`, or either with `:GROUP`. Names are those of /etc/passwd and /etc/group; a
 * directory service is not asked.
 *
 * @param text As given.
 * @param context Whose files are read.
 * @throws {NomadPkiError} `ERR_USAGE`: no such user or group, or no such thing as a user.
 */
export async function agentUser(
  text: string,
  context: Pick<Context, 'readFile'>,
): Promise<AgentUser> {
  const [who = '', group, ...more] = text.split(':')
  if (who === '' || group === '' || more.length > 0) {
    throw usage(`invalid --user ${JSON.stringify(text)}`, 'write it as nomad, 998 or 998:997')
  }
  const users = await table('/etc/passwd', context)
  const groups = await table('/etc/group', context)
  const user = users.find(
    ([name, , id]) => name === who || (isId(who) && Number(id) === Number(who)),
  )
  if (user === undefined && !isId(who)) {
    throw unknown(`there is no user "${who}" in /etc/passwd`, who)
  }
  const gids = new Set<number>()
  if (group === undefined) {
    if (user?.[3] !== undefined) gids.add(Number(user[3]))
  } else if (isId(group)) gids.add(Number(group))
  else {
    const found = groups.find(([name]) => name === group)
    if (found === undefined) throw unknown(`there is no group "${group}" in /etc/group`, who)
    gids.add(Number(found[2]))
  }
  // initgroups(3): systemd gives the agent all groups that name its user.
  for (const [, , id, members = ''] of groups) {
    if (user !== undefined && members.split(',').includes(user[0]!)) gids.add(Number(id))
  }
  const uid = Number(user?.[2] ?? who)
  return { name: user?.[0] ?? `user ${uid}`, uid, gids: [...gids] }
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text)
}

function unknown(message: string, who: string): NomadPkiError {
  return usage(
    message,
    `use numeric ids instead: --user $(id -u ${isId(who) ? 'USER' : who}):$(id -g ${isId(who) ? 'USER' : who})`,
  )
}

async function table(
  file: string,
  context: Pick<Context, 'readFile'>,
): Promise<readonly (readonly string[])[]> {
  try {
    const text = Buffer.from(await context.readFile(file)).toString('utf8')
    return text.split('\n').map((line) => line.split(':'))
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_FILE_UNREADABLE')) return []
    throw error
  }
}
