/**
 * A recipe in words: what is run where, in which order.
 *
 * @module
 */

import type { RecipeStep } from '../rotation/recipe.js'
import { authorityEditText } from './rotation.js'

/**
 * A line for each command.
 *
 * @param flag ` --file …` as it was given: it is that of the machine of the store.
 */
export function recipeLines(steps: readonly RecipeStep[], flag: string): readonly string[] {
  return steps.map(({ on, command, edit }) => {
    if (on === 'store') return `  ${command}${flag}`
    const first =
      edit === undefined ? '' : `, where cluster.yaml says first: ${authorityEditText(edit)}; then`
    return `  on the machine that has the key${first}: ${command}`
  })
}
