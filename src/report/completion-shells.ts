/**
 * The shells that completions are made for.
 *
 * @module
 */

/** All of them. */
export const completionShells = ['bash', 'zsh', 'fish'] as const

/** One of them. */
export type CompletionShell = (typeof completionShells)[number]
