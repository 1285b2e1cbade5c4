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
export { editTls, type TlsValues } from './agent/index.js'

// ── issuing
export { lint, type LintResult } from './lint/lint.js'
export { createRoot } from './authority/create-root.js'
export { prepare, prepareIntermediate, type Prepared } from './authority/prepare.js'
export { issue, type Issued } from './authority/issue.js'
export type { Issuer } from './authority/issuer.js'
export type { Issuers } from './authority/issuers.js'
export { trustBundle } from './authority/trust-bundle.js'

// ── deciding
export { parseSpec } from './spec/parse.js'
export { desire } from './spec/desire.js'
export type { Desired } from './spec/desired.js'
export { readInventory } from './inventory/read.js'
export type { Inventory } from './inventory/inventory.js'
export type { Store } from './inventory/store.js'
export type { Configs } from './inventory/configs.js'
export { configPaths } from './plan/config-files.js'
export { makePlan } from './plan/make-plan.js'
export type { Plan, Step } from './plan/plan.js'
export { verifyCluster } from './verify/verify-cluster.js'
export { rotationOf, type Rotation } from './rotation/stages.js'
export { evidenceIn, type Evidence } from './evidence/evidence.js'
export { judgeGate, type GateVerdict } from './evidence/gate.js'
export { judgeAgents } from './evidence/judge-agents.js'
export { planRollout } from './rotation/rollout.js'

// ── doing
export { directoryStore } from './store/directory-store.js'
export { directoryConfigs } from './store/directory-configs.js'
export { memoryStore } from './store/memory-store.js'
export { memoryConfigs } from './store/memory-configs.js'
export { heldIssuer } from './issuers/held.js'
export { storeIssuers } from './issuers/store-issuers.js'
export { rehearsalIssuers } from './issuers/rehearsal-issuers.js'
export { proveCluster } from './probe/prove-cluster.js'
export { endpointsOf } from './probe/endpoints.js'
export { probeCluster } from './probe/probe-cluster.js'
export { packIdentity, type PackedIdentity } from './delivery/pack-identity.js'
export { applyPlan, collect } from './apply/apply-plan.js'
export type { ApplyEvent } from './apply/events.js'
