/** For Stryker: tells the process that forked this one what will be asked, and how each mutant fared. */

import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin'

class SendResults {
  onMutationTestingPlanReady({ mutantPlans }) {
    process.send?.({ planned: mutantPlans.filter(({ plan }) => plan === 'Run').length })
  }
  onMutantTested({ fileName, location, mutatorName, replacement, status }) {
    process.send?.({ mutant: { fileName, location, mutatorName, replacement, status } })
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Reporter, 'send-results', SendResults)]
