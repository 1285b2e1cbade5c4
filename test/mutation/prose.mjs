/**
 * For Stryker: texts for people are not mutated here. Snapshots and transcripts hold them word for word;
 * a mutant of each would say nothing about what the tests of a room see.
 */

import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

const isProse = (/** @type {string} */ text) => /\S\s\S/.test(text)

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'prose', {
    shouldIgnore(path) {
      if (path.isStringLiteral() && isProse(path.node.value)) return 'a text for people'
      if (
        path.isTemplateLiteral() &&
        path.node.quasis.some(({ value }) => isProse(value.raw) || value.raw.endsWith(' '))
      )
        return 'a text for people'
      return undefined
    },
  }),
]
