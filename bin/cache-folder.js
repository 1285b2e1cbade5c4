// Where compiled code is kept between starts. Node runs what it finds there, so nobody else may be able
// to write it; Node's own choice, a folder in /tmp that can be made beforehand, is not such a place.
const { lstatSync, mkdirSync, realpathSync } = require('node:fs')
const { dirname, isAbsolute, join } = require('node:path')

/**
 * A folder that only this user and root can write, made where it is not there.
 *
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {number} user
 * @returns {string | undefined} `undefined` where there is none, or the user chose one for Node.
 */
exports.cacheFolder = (env, user) => {
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return undefined
  const base = env.XDG_CACHE_HOME || (env.HOME && join(env.HOME, '.cache'))
  if (!base || !isAbsolute(base)) return undefined
  const folder = join(base, 'nomad-pki', 'compiled')
  try {
    // First what is there: in a home of somebody else nothing is made.
    let there = folder
    while (lstatSync(there, { throwIfNoEntry: false }) === undefined) there = dirname(there)
    if (!isOwn(realpathSync(there), user, { last: there === folder })) return undefined
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const place = realpathSync(folder)
    if (!isOwn(place, user)) return undefined
    // Node makes a folder below it under the caller's umask: nobody else may come that far.
    return (lstatSync(place).mode & 0o077) === 0 ? folder : undefined
  } catch {
    // A home that cannot be read or written: every start compiles.
    return undefined
  }
}

/** Whether a folder is this user's, and nobody else can write it or put another one into its place. */
function isOwn(folder, user, { last = true } = {}) {
  for (let place = folder; ; place = dirname(place)) {
    const { uid, mode } = lstatSync(place)
    const above = place !== folder
    const closed = (mode & 0o022) === 0 || ((above || !last) && (mode & 0o1000) !== 0)
    if ((uid !== user && !(above && uid === 0)) || !closed) return false
    if (place === dirname(place)) return true
  }
}
