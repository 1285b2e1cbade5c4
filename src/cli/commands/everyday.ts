/**
 * The commands that need neither lint nor sockets nor a signer, in one piece: each file costs half a
 * millisecond of a start, more than what the others' few kilobytes cost.
 *
 * @module
 */

export { command as add } from './add.js'
export { check as configCheck, diff as configDiff, show as configShow } from './config.js'
export { command as env } from './env.js'
export { command as init } from './init.js'
export { command as plan } from './plan.js'
export { command as remove } from './remove.js'
export { command as status } from './status.js'
