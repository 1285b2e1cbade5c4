/**
 * The public API, grouped by room. It names; it defines nothing.
 *
 * @module
 */

// ── foot
export { NomadPkiError, isNomadPkiError, type ErrorCode } from './errors.js'
export type { Diagnostic, Finding, Severity } from './diagnostics.js'
export { formatDuration, parseDuration } from './duration.js'
export { formatAddress, parseAddress, type Address, type Role } from './address.js'

// ── facts
export {
  keyAlgorithms,
  type KeyAlgorithm,
  type PrivateKey,
  type PublicKey,
} from './keys/algorithms.js'
export { generateKey } from './keys/generate.js'
export { encodePrivateKey, parsePrivateKey } from './keys/private-key.js'
export { fingerprintOf, type Certificate } from './x509/certificate.js'
export { encodeCertificate, parseCertificates } from './x509/certificates.js'
export { assembleCertificate } from './x509/encode.js'
export type { SubjectAttributes } from './x509/name.js'
export { editTls, type TlsValues } from './agent/index.js'

// ── issuing
export { lint, type LintContext, type LintProfile, type LintResult } from './lint/lint.js'
export {
  prepare,
  prepareIntermediate,
  type Prepared,
  type PrepareOptions,
} from './authority/prepare.js'
export type { AuthorityRequest, BeyondIssuer, LeafRequest } from './authority/request.js'
export { issue, type Issued, type IssueOptions } from './authority/issue.js'
export type { Issuer, IssuerAnswer, IssuerInput, Signatures, Signer } from './authority/issuer.js'
export type {
  AuthorityKeeper,
  AuthorityKey,
  CertifiedAuthority,
  Issuers,
  NewAuthority,
} from './authority/issuers.js'
export { trustBundle } from './authority/trust-bundle.js'

// ── deciding
export { parseSpec } from './cluster/parse.js'
export type {
  AuthoritySpec,
  ClusterSpec,
  NodeSpec,
  OperatorSpec,
  RegionSpec,
} from './cluster/spec.js'
export { desire } from './cluster/desire.js'
export type { Desired } from './cluster/desired.js'
export { readInventory, type InventoryPorts, type ReadInventoryOptions } from './inventory/read.js'
export type { Inventory } from './inventory/inventory.js'
export type {
  GenerationFiles,
  ReadStoreOptions,
  Store,
  StoreBatch,
  StoreContents,
  StoredAuthority,
  StoredBundle,
  StoredFile,
  StoredGeneration,
  StoredIdentity,
  StoreLock,
} from './inventory/store.js'
export type { EventOf, LedgerEvent } from './inventory/ledger-events.js'
export type { ConfigContents, ConfigFile, Configs, ConfigWrite } from './inventory/configs.js'
export { configPaths } from './plan/config-files.js'
export {
  makePlan,
  type MakePlanOptions,
  type Planned,
  type PlanMaterials,
} from './plan/make-plan.js'
export type { Plan, Step } from './plan/plan.js'
export { verifyCluster, type VerifyOptions } from './verify/verify-cluster.js'
export { rotationOf, type Rotation, type RotationOptions } from './rotation/stages.js'
export { evidenceIn, type Evidence } from './evidence/evidence.js'
export { judgeGate, type GateCondition, type GateFacts, type GateVerdict } from './evidence/gate.js'
export { judgeAgents, type AgentsSeen, type AgentVerdict } from './evidence/judge-agents.js'
export { planRollout, type Rollout, type RolloutOptions } from './rotation/rollout.js'

// ── doing
export { directoryStore } from './store/directory-store.js'
export { directoryConfigs } from './store/directory-configs.js'
export { memoryStore } from './store/memory-store.js'
export { memoryConfigs } from './store/memory-configs.js'
export { createRoot, type RootRequest } from './issuers/create-root.js'
export { heldIssuer } from './issuers/held.js'
export { storeIssuers } from './issuers/store-issuers.js'
export { rehearsalIssuers } from './issuers/rehearsal-issuers.js'
export { proveCluster, type ProveOptions } from './probe/prove-cluster.js'
export { endpointsOf, type AgentTarget } from './probe/endpoints.js'
export { probeCluster, type Probe, type ProbeOptions } from './probe/probe-cluster.js'
export { packIdentity, type PackedIdentity, type PackOptions } from './delivery/pack-identity.js'
export { applyPlan, collect, type ApplyPorts } from './apply/apply-plan.js'
export type { ApplyEvent } from './apply/events.js'
