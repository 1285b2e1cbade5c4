/**
 * An agent's configuration: what Nomad will read in it, what it will refuse, and the `tls` block
 * written into it.
 *
 * @module
 */

export { type AgentUser, type Permissions } from './access.js'
export { checkAgentConfig, type CheckAgentConfigOptions } from './check.js'
export { type CommandLine } from './check-start.js'
export { checkSchema, type CheckSchemaOptions } from './check-schema.js'
export { type NamedFile } from './check-named.js'
export { type CheckTlsOptions } from './check-tls.js'
export { checkGossip, type NamedAgent } from './check-gossip.js'
export { cipherSuites, type SuiteKey } from './cipher-suites.js'
export { agentCodes, type AgentCode } from './codes.js'
export { configFilesOf, isConfigFileName, isStrayName, type AgentFile } from './directory.js'
export { editTls, type EditTlsOptions } from './edit-tls.js'
export {
  checkSameFiles,
  foreignFault,
  foreignFilesOf,
  tlsFilesOf,
  type ForeignFile,
  type FoundForeign,
} from './foreign-files.js'
export { newTlsFile } from './new-tls-file.js'
export {
  planTlsEdit,
  type PlanTlsEditOptions,
  type TlsChange,
  type TlsEditPlan,
} from './plan-tls-edit.js'
export {
  readAgentConfig,
  type AgentConfig,
  type Effective,
  type GossipKey,
  type Origin,
  type ReadFile,
  type Setpoint,
} from './read-agent-config.js'
export { hiddenSpans, isSecretKey, redactSecrets, type Hidden } from './redact.js'
export { maskSecrets } from './mask.js'
export { settings, type Setting } from './settings.js'
export { findTlsBlock, type TlsBlock } from './tls-block.js'
export { tlsKeys, type TlsKey, type TlsKeyEntry, type TlsValues } from './tls-keys.js'
export { type TlsEdit } from './wanted.js'
