/**
 * An agent's configuration: what Nomad will read in it, what it will refuse, and the `tls` block
 * written into it.
 *
 * @module
 */

export { agentCodes, type AgentCode } from './codes.js'
export { configFilesOf, isConfigFileName, isStrayName, type AgentFile } from './directory.js'
export { editTls, type EditTlsOptions } from './edit-tls.js'
export { newTlsFile } from './new-tls-file.js'
export { planTlsEdit, type PlanTlsEditOptions, type TlsEditPlan } from './plan-tls-edit.js'
export {
  readAgentConfig,
  type AgentConfig,
  type Effective,
  type Origin,
  type ReadFile,
  type Setpoint,
} from './read-agent-config.js'
export { settings, type Setting } from './settings.js'
export { findTlsBlock, type TlsBlock } from './tls-block.js'
export { tlsKeys, type TlsKey, type TlsKeyEntry, type TlsValues } from './tls-keys.js'
export { type TlsEdit } from './wanted.js'
