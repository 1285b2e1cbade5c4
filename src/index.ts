/**
 * The public API, grouped by task. It names; it defines nothing. Each line `// ── …` begins a page of
 * `docs/library/`.
 *
 * @module
 */

// ── Describe a cluster
export { parseSpec, type ParsedSpec, type ParseSpecOptions } from './cluster/parse.js'
export type {
  AuthoritySpec,
  ClusterSpec,
  RegionBounds,
  ConfigSpec,
  NodeGroup,
  NodeSpec,
  SshSpec,
  OperatorSpec,
  MachinePlace,
  MachineReload,
  RegionSpec,
  Terms,
} from './cluster/spec.js'
export type { SignerKind } from './cluster/signers.js'
export type { Transport } from './cluster/transport.js'
export type { EngineSpec, VaultAuthSpec, VaultSpec } from './cluster/vault.js'
export type { NodePattern, NodeRange, Placeholder, Template } from './cluster/pattern.js'
export type { IpTemplate } from './cluster/ip-template.js'
export type { Network } from './x509/ip-address.js'
export { desire } from './cluster/desire.js'
export type {
  Desired,
  DesiredAuthority,
  DesiredBundle,
  DesiredConfig,
  DesiredConstraints,
  DesiredIdentity,
  DesiredIssuer,
  DesiredStanza,
  FormerInEngine,
  IdentityProfile,
} from './cluster/desired.js'

// ── Read what exists
export { readInventory, type InventoryPorts, type ReadInventoryOptions } from './inventory/read.js'
export type {
  FilesInUse,
  FoundAuthority,
  FoundBundle,
  FoundGeneration,
  FoundIdentity,
  FoundKey,
  FoundLeafKey,
  Inventory,
} from './inventory/inventory.js'
export type { KeyElsewhere, Manifest } from './inventory/manifest.js'
export type { Ledger, LedgerLine } from './inventory/ledger.js'
export type {
  EventField,
  EventFields,
  EventName,
  EventOf,
  EventValue,
  EventValues,
  JsonTypes,
  LedgerEvent,
} from './inventory/ledger-events.js'

// ── Plan and apply
export {
  makePlan,
  type MakePlanOptions,
  type Planned,
  type PlanMaterials,
} from './plan/make-plan.js'
export type { Waiting } from './plan/waiting.js'
export type { Action, HeldStep, Orphan, Plan, Step, StepContent } from './plan/plan.js'
export type { ConfigEdit } from './plan/configs.js'
export type { AuthorityPath, CheckContext } from './checks/context.js'
export type { Deferral, SigningAuthority } from './checks/deferral.js'
export type { Reason, ReasonGiven } from './checks/reasons.js'
export type { Override, OverrideCode } from './overrides.js'
export { applyPlan, collect, type ApplyPorts } from './apply/apply-plan.js'
export type { ApplyEvent, StepDetail } from './apply/events.js'

// ── Check
export { verifyCluster, type VerifyOptions } from './verify/verify-cluster.js'
export { proveCluster, type Proof, type ProveOptions } from './probe/prove-cluster.js'
export { lint, type LintContext, type LintProfile, type LintResult } from './lint/lint.js'

// ── Keys and certificates
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
export type {
  BasicConstraints,
  Extension,
  ExtensionFields,
  GeneralName,
  KeyUsage,
  NameConstraints,
} from './x509/extension.js'
export type { Name, NameAttribute, SubjectAttributes } from './x509/name.js'

// ── Issue a certificate
export { createRoot, type RootRequest } from './issuers/create-root.js'
export {
  prepare,
  prepareIntermediate,
  type Prepared,
  type PrepareOptions,
} from './authority/prepare.js'
export type {
  AuthorityRequest,
  BeyondIssuer,
  LeafRequest,
  RequestContents,
  RequestMaker,
} from './authority/request.js'
export { makeRequest, type CertificateRequest, type RequestContent } from './x509/request.js'
export { issue, type Issued, type IssueOptions } from './authority/issue.js'
export { trustBundle } from './authority/trust-bundle.js'

// ── Issuers
export type {
  Issuer,
  IssuerAnswer,
  IssuerInput,
  SignatureAnswer,
  Signatures,
  Signer,
  SignsBytes,
} from './authority/issuer.js'
export type {
  AuthorityKeeper,
  AuthorityKey,
  CertifiedAuthority,
  Issuers,
  NewAuthority,
} from './authority/issuers.js'
export { heldIssuer, type HeldIssuerParts } from './issuers/held.js'
export { storeIssuers } from './issuers/store-issuers.js'
export { rehearsalIssuers } from './issuers/rehearsal-issuers.js'
export { assembleCertificate } from './x509/encode.js'

// ── Stores
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
export { directoryStore, type DirectoryStoreOptions } from './store/directory-store.js'
export { memoryStore } from './store/memory-store.js'
export type { Files, FileStatus, DirectoryEntry } from './files/files.js'
export type { BarrierKind } from './files/barrier.js'

// ── Agents’ configurations
export { editTls, type EditTlsOptions, type TlsEdit, type TlsValues } from './agent/index.js'
export { configPaths } from './plan/config-files.js'
export type { ConfigContents, ConfigFile, Configs, ConfigWrite } from './inventory/configs.js'
export { directoryConfigs, type DirectoryConfigsOptions } from './store/directory-configs.js'
export { memoryConfigs } from './store/memory-configs.js'

// ── Ask running agents
export { endpointsOf, type AgentEndpoint, type AgentTarget } from './probe/endpoints.js'
export {
  probeCluster,
  type Cost,
  type Offers,
  type Probe,
  type ProbeOptions,
  type SilentEndpoint,
  type Undecided,
} from './probe/probe-cluster.js'
export type { Connect, OfferedLeaf } from './probe/dial.js'
export { judgeAgents, type AgentsSeen, type AgentVerdict } from './evidence/judge-agents.js'
export type { SelfRenewed } from './evidence/self-renewed.js'
export type { AgentState, Judgement, Judgements } from './evidence/judgement.js'
export type { MadeGeneration } from './evidence/generations.js'
export type { Ports } from './evidence/ports.js'

// ── Rotate
export {
  rotationOf,
  type NextStage,
  type Rotation,
  type RotationOptions,
  type RotationPosition,
  type Way,
} from './rotation/stages.js'
export type { AuthorityEdit } from './cluster/edit-authority.js'
export { evidenceIn } from './evidence/evidence.js'
export type {
  Compromised,
  Evidence,
  Exception,
  Members,
  Observation,
  Receipt,
  ReceiptState,
  SeenPort,
  Silence,
  SilentPort,
} from './evidence/evidence.js'
export type { MemberNode } from './evidence/member-node.js'
export {
  judgeGate,
  type GateCondition,
  type GateFacts,
  type GateVerdict,
  type Hold,
} from './evidence/gate.js'
export {
  planRollout,
  type Batch,
  type Doubtful,
  type Rollout,
  type RolloutNode,
  type RolloutOptions,
  type RolloutStep,
} from './rollout/order.js'

// ── Deliver
export { packIdentity, type PackedIdentity, type PackOptions } from './delivery/pack-identity.js'
export type { Layout } from './delivery/archive.js'

// ── Errors, addresses, spans of time
export { NomadPkiError, isNomadPkiError, type ErrorCode, type ErrorDetails } from './errors.js'
export type { Diagnostic, Finding, Position, Severity } from './diagnostics.js'
export {
  formatAddress,
  parseAddress,
  type Address,
  type AgentRole,
  type OperatorRole,
  type IdentityName,
  type Role,
} from './address.js'
export { formatDuration, parseDuration } from './duration.js'
