/** What both mutation runs ask first: as whom they run. */

/**
 * Why a run is refused; `undefined` where it may go on.
 * @param {number | undefined} uid The user's id; `undefined` on systems without ids.
 * @param {boolean} asRoot Whether `--as-root` was given.
 */
export function refusalOf(uid, asRoot) {
  if (uid !== 0 || asRoot) return undefined
  return `error: this run is root, and a changed line of code can write or remove any file here
hint: run it as an ordinary user who owns the clone: setpriv --reuid USER --regid GROUP --clear-groups --no-new-privs -- npm run mutation:rooms; on a machine that may break: --as-root`
}
